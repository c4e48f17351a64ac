from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.budget_period import BudgetPeriod
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.key_spending import KeySpending


T = TypeVar("T", bound="KeyBudget")


@_attrs_define
class KeyBudget:
    """What all runs of a key together may spend, and have spent.

    Attributes:
        max_cost_usd (float | None):
        max_tokens (int | None):
        per (BudgetPeriod): A day or a month, in UTC.
        spent (KeySpending | Unset): What the runs of a key have spent in this period.
    """

    max_cost_usd: float | None
    max_tokens: int | None
    per: BudgetPeriod
    spent: KeySpending | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        max_cost_usd: float | None
        max_cost_usd = self.max_cost_usd

        max_tokens: int | None
        max_tokens = self.max_tokens

        per = self.per.value

        spent: dict[str, Any] | Unset = UNSET
        if not isinstance(self.spent, Unset):
            spent = self.spent.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "max_cost_usd": max_cost_usd,
                "max_tokens": max_tokens,
                "per": per,
            }
        )
        if spent is not UNSET:
            field_dict["spent"] = spent

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.key_spending import KeySpending  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_max_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        max_cost_usd = _parse_max_cost_usd(d.pop("max_cost_usd"))

        def _parse_max_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        max_tokens = _parse_max_tokens(d.pop("max_tokens"))

        per = BudgetPeriod(d.pop("per"))

        _spent = d.pop("spent", UNSET)
        spent: KeySpending | Unset
        if isinstance(_spent, Unset):
            spent = UNSET
        else:
            spent = KeySpending.from_dict(_spent)

        key_budget = cls(
            max_cost_usd=max_cost_usd,
            max_tokens=max_tokens,
            per=per,
            spent=spent,
        )

        key_budget.additional_properties = d
        return key_budget

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
