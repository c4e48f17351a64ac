from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="KeySpending")


@_attrs_define
class KeySpending:
    """What the runs of a key have spent in this period.

    Attributes:
        cost_nano_usd (int):
        tokens (int):
        unmetered_calls (int): Calls that succeeded without saying what they had used. With one, a limit on what is not
            known refuses further calls until the next period.
        unknown_calls (int): Calls that failed without saying what they had used; they count as nothing.
        left_nano_usd (int | None): What is left of `max_cost_usd`.
        left_tokens (int | None): What is left of `max_tokens`.
        resets_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
    """

    cost_nano_usd: int
    tokens: int
    unmetered_calls: int
    unknown_calls: int
    left_nano_usd: int | None
    left_tokens: int | None
    resets_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cost_nano_usd = self.cost_nano_usd

        tokens = self.tokens

        unmetered_calls = self.unmetered_calls

        unknown_calls = self.unknown_calls

        left_nano_usd: int | None
        left_nano_usd = self.left_nano_usd

        left_tokens: int | None
        left_tokens = self.left_tokens

        resets_at = self.resets_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "cost_nano_usd": cost_nano_usd,
                "tokens": tokens,
                "unmetered_calls": unmetered_calls,
                "unknown_calls": unknown_calls,
                "left_nano_usd": left_nano_usd,
                "left_tokens": left_tokens,
                "resets_at": resets_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cost_nano_usd = d.pop("cost_nano_usd")

        tokens = d.pop("tokens")

        unmetered_calls = d.pop("unmetered_calls")

        unknown_calls = d.pop("unknown_calls")

        def _parse_left_nano_usd(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        left_nano_usd = _parse_left_nano_usd(d.pop("left_nano_usd"))

        def _parse_left_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        left_tokens = _parse_left_tokens(d.pop("left_tokens"))

        resets_at = datetime.datetime.fromisoformat(d.pop("resets_at"))

        key_spending = cls(
            cost_nano_usd=cost_nano_usd,
            tokens=tokens,
            unmetered_calls=unmetered_calls,
            unknown_calls=unknown_calls,
            left_nano_usd=left_nano_usd,
            left_tokens=left_tokens,
            resets_at=resets_at,
        )

        key_spending.additional_properties = d
        return key_spending

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
