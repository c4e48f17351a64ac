from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="InterfaceOutput")


@_attrs_define
class InterfaceOutput:
    """A value of the output.

    Attributes:
        name (str):
        type_ (None | str): `string`, `number`, `boolean`, `object` or `array`; null where only the run decides it.
        nullable (bool): It may be null although the run succeeded.
        source (str): As the author wrote it, at most 200 characters.
    """

    name: str
    type_: None | str
    nullable: bool
    source: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        type_: None | str
        type_ = self.type_

        nullable = self.nullable

        source = self.source

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "type": type_,
                "nullable": nullable,
                "source": source,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        def _parse_type_(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        type_ = _parse_type_(d.pop("type"))

        nullable = d.pop("nullable")

        source = d.pop("source")

        interface_output = cls(
            name=name,
            type_=type_,
            nullable=nullable,
            source=source,
        )

        interface_output.additional_properties = d
        return interface_output

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
