from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Omitted")


@_attrs_define
class Omitted:
    """What an event leaves out of a run for its size.

    Attributes:
        input_bytes (int | Unset):
        output_bytes (int | Unset):
    """

    input_bytes: int | Unset = UNSET
    output_bytes: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        input_bytes = self.input_bytes

        output_bytes = self.output_bytes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if input_bytes is not UNSET:
            field_dict["input_bytes"] = input_bytes
        if output_bytes is not UNSET:
            field_dict["output_bytes"] = output_bytes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        input_bytes = d.pop("input_bytes", UNSET)

        output_bytes = d.pop("output_bytes", UNSET)

        omitted = cls(
            input_bytes=input_bytes,
            output_bytes=output_bytes,
        )

        omitted.additional_properties = d
        return omitted

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
