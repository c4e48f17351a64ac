from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="InterfaceInput")


@_attrs_define
class InterfaceInput:
    """A field of the input.

    Attributes:
        name (str):
        type_ (str): `string`, `number`, `boolean`, `object`, `array` or `file`.
        required (bool):
        default (Any | Unset): Left out where the field is required.
        description (str | Unset):
        value (Any | Unset): What the workflow is tried out with.
        schema (Any | Unset): The JSON Schema that the value must match.
        enum (list[Any] | Unset): The values that its schema allows, if it lists them.
    """

    name: str
    type_: str
    required: bool
    default: Any | Unset = UNSET
    description: str | Unset = UNSET
    value: Any | Unset = UNSET
    schema: Any | Unset = UNSET
    enum: list[Any] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        type_ = self.type_

        required = self.required

        default = self.default

        description = self.description

        value = self.value

        schema = self.schema

        enum: list[Any] | Unset = UNSET
        if not isinstance(self.enum, Unset):
            enum = self.enum

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "type": type_,
                "required": required,
            }
        )
        if default is not UNSET:
            field_dict["default"] = default
        if description is not UNSET:
            field_dict["description"] = description
        if value is not UNSET:
            field_dict["value"] = value
        if schema is not UNSET:
            field_dict["schema"] = schema
        if enum is not UNSET:
            field_dict["enum"] = enum

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        type_ = d.pop("type")

        required = d.pop("required")

        default = d.pop("default", UNSET)

        description = d.pop("description", UNSET)

        value = d.pop("value", UNSET)

        schema = d.pop("schema", UNSET)

        enum = cast(list[Any], d.pop("enum", UNSET))

        interface_input = cls(
            name=name,
            type_=type_,
            required=required,
            default=default,
            description=description,
            value=value,
            schema=schema,
            enum=enum,
        )

        interface_input.additional_properties = d
        return interface_input

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
