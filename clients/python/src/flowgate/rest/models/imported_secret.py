from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ImportedSecret")


@_attrs_define
class ImportedSecret:
    """
    Attributes:
        name (str): Stands in the drafts, as `{{NAME}}`.
        hosts (list[str]): The hosts that it may be sent to: those that the file names.
        stored (bool): Whether it is stored, for the new workflows alone. That needs the scope `author` for all
            workflows, and a host in the file; without either, the value is forgotten.
        place (str): A JSON Pointer into the file.
    """

    name: str
    hosts: list[str]
    stored: bool
    place: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        hosts = self.hosts

        stored = self.stored

        place = self.place

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "hosts": hosts,
                "stored": stored,
                "place": place,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        hosts = cast(list[str], d.pop("hosts"))

        stored = d.pop("stored")

        place = d.pop("place")

        imported_secret = cls(
            name=name,
            hosts=hosts,
            stored=stored,
            place=place,
        )

        imported_secret.additional_properties = d
        return imported_secret

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
