from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="OutlineInput")


@_attrs_define
class OutlineInput:
    """
    Attributes:
        path (str):
        name (str):
        type_ (str):
        required (bool): It has no default.
        default (Any | Unset): Left out where there is none, and where it has more than 1,000 bytes.
        description (str | Unset):
    """

    path: str
    name: str
    type_: str
    required: bool
    default: Any | Unset = UNSET
    description: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        path = self.path

        name = self.name

        type_ = self.type_

        required = self.required

        default = self.default

        description = self.description

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "path": path,
                "name": name,
                "type": type_,
                "required": required,
            }
        )
        if default is not UNSET:
            field_dict["default"] = default
        if description is not UNSET:
            field_dict["description"] = description

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        path = d.pop("path")

        name = d.pop("name")

        type_ = d.pop("type")

        required = d.pop("required")

        default = d.pop("default", UNSET)

        description = d.pop("description", UNSET)

        outline_input = cls(
            path=path,
            name=name,
            type_=type_,
            required=required,
            default=default,
            description=description,
        )

        outline_input.additional_properties = d
        return outline_input

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
