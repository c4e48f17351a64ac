from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Usage")


@_attrs_define
class Usage:
    """What the models of a run used, counted at its end.

    Attributes:
        tokens (int | None): Null where a model did not say.
        input_tokens (int | None): Of `tokens`. Null also where a model says only the sum.
        output_tokens (int | None):
        cost_nano_usd (int | None): In 10⁻⁹ USD. Null where a price is not known.
    """

    tokens: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_nano_usd: int | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        tokens: int | None
        tokens = self.tokens

        input_tokens: int | None
        input_tokens = self.input_tokens

        output_tokens: int | None
        output_tokens = self.output_tokens

        cost_nano_usd: int | None
        cost_nano_usd = self.cost_nano_usd

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "tokens": tokens,
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
                "cost_nano_usd": cost_nano_usd,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        tokens = _parse_tokens(d.pop("tokens"))

        def _parse_input_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        input_tokens = _parse_input_tokens(d.pop("input_tokens"))

        def _parse_output_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        output_tokens = _parse_output_tokens(d.pop("output_tokens"))

        def _parse_cost_nano_usd(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        cost_nano_usd = _parse_cost_nano_usd(d.pop("cost_nano_usd"))

        usage = cls(
            tokens=tokens,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_nano_usd=cost_nano_usd,
        )

        usage.additional_properties = d
        return usage

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
