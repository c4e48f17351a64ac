from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.imported_system import ImportedSystem

if TYPE_CHECKING:
    from ..models.import_entry import ImportEntry


T = TypeVar("T", bound="ImportReport")


@_attrs_define
class ImportReport:
    """How many steps of the file became what.

    Attributes:
        system (ImportedSystem):
        mapped (int):
        approximated (int):
        unsupported (int):
        entries (list[ImportEntry]): Every step of the file.
    """

    system: ImportedSystem
    mapped: int
    approximated: int
    unsupported: int
    entries: list[ImportEntry]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        system = self.system.value

        mapped = self.mapped

        approximated = self.approximated

        unsupported = self.unsupported

        entries = []
        for entries_item_data in self.entries:
            entries_item = entries_item_data.to_dict()
            entries.append(entries_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "system": system,
                "mapped": mapped,
                "approximated": approximated,
                "unsupported": unsupported,
                "entries": entries,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.import_entry import ImportEntry  # noqa: PLC0415

        d = dict(src_dict)
        system = ImportedSystem(d.pop("system"))

        mapped = d.pop("mapped")

        approximated = d.pop("approximated")

        unsupported = d.pop("unsupported")

        entries = []
        _entries = d.pop("entries")
        for entries_item_data in _entries:
            entries_item = ImportEntry.from_dict(entries_item_data)

            entries.append(entries_item)

        import_report = cls(
            system=system,
            mapped=mapped,
            approximated=approximated,
            unsupported=unsupported,
            entries=entries,
        )

        import_report.additional_properties = d
        return import_report

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
