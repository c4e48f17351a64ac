from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.stats_by import StatsBy
from ..models.stats_step import StatsStep

if TYPE_CHECKING:
    from ..models.stats_item import StatsItem


T = TypeVar("T", bound="Stats")


@_attrs_define
class Stats:
    """Sums over runs that have ended.

    Attributes:
        from_ (datetime.datetime): RFC 3339 with milliseconds, UTC.
        to (datetime.datetime): RFC 3339 with milliseconds, UTC.
        step (StatsStep):
        by (None | StatsBy):
        items (list[StatsItem]): In the order of their time; of the same time, those with the most runs first.
    """

    from_: datetime.datetime
    to: datetime.datetime
    step: StatsStep
    by: None | StatsBy
    items: list[StatsItem]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from_ = self.from_.isoformat()

        to = self.to.isoformat()

        step = self.step.value

        by: None | str
        if isinstance(self.by, StatsBy):
            by = self.by.value
        else:
            by = self.by

        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "from": from_,
                "to": to,
                "step": step,
                "by": by,
                "items": items,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.stats_item import StatsItem  # noqa: PLC0415

        d = dict(src_dict)
        from_ = datetime.datetime.fromisoformat(d.pop("from"))

        to = datetime.datetime.fromisoformat(d.pop("to"))

        step = StatsStep(d.pop("step"))

        def _parse_by(data: object) -> None | StatsBy:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                by_type_0 = StatsBy(data)

                return by_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | StatsBy, data)

        by = _parse_by(d.pop("by"))

        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = StatsItem.from_dict(items_item_data)

            items.append(items_item)

        stats = cls(
            from_=from_,
            to=to,
            step=step,
            by=by,
            items=items,
        )

        stats.additional_properties = d
        return stats

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
