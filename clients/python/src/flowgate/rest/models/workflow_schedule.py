from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.workflow_schedule_tick import WorkflowScheduleTick


T = TypeVar("T", bound="WorkflowSchedule")


@_attrs_define
class WorkflowSchedule:
    """When the active version starts by itself.

    Attributes:
        cron (str):
        timezone (str):
        overlap (str): `skip` or `queue`: what a tick does while the run before has not ended.
        next_at (datetime.datetime | None):
        last (None | WorkflowScheduleTick):
    """

    cron: str
    timezone: str
    overlap: str
    next_at: datetime.datetime | None
    last: None | WorkflowScheduleTick
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.workflow_schedule_tick import (
            WorkflowScheduleTick,  # noqa: PLC0415
        )

        cron = self.cron

        timezone = self.timezone

        overlap = self.overlap

        next_at: None | str
        if isinstance(self.next_at, datetime.datetime):
            next_at = self.next_at.isoformat()
        else:
            next_at = self.next_at

        last: dict[str, Any] | None
        if isinstance(self.last, WorkflowScheduleTick):
            last = self.last.to_dict()
        else:
            last = self.last

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cron": cron,
                "timezone": timezone,
                "overlap": overlap,
                "next_at": next_at,
                "last": last,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.workflow_schedule_tick import (
            WorkflowScheduleTick,  # noqa: PLC0415
        )

        d = dict(src_dict)
        cron = d.pop("cron")

        timezone = d.pop("timezone")

        overlap = d.pop("overlap")

        def _parse_next_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                next_at_type_0 = datetime.datetime.fromisoformat(data)

                return next_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        next_at = _parse_next_at(d.pop("next_at"))

        def _parse_last(data: object) -> None | WorkflowScheduleTick:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                last_type_0 = WorkflowScheduleTick.from_dict(data)

                return last_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | WorkflowScheduleTick, data)

        last = _parse_last(d.pop("last"))

        workflow_schedule = cls(
            cron=cron,
            timezone=timezone,
            overlap=overlap,
            next_at=next_at,
            last=last,
        )

        workflow_schedule.additional_properties = d
        return workflow_schedule

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
