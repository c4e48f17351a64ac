from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.import_outcome import ImportOutcome

T = TypeVar("T", bound="ImportEntry")


@_attrs_define
class ImportEntry:
    """
    Attributes:
        workflow (str): The id of the workflow that it belongs to now.
        node (str): Its id in the file.
        name (str): Its name in the file.
        type_ (str): Its type in the file.
        outcome (ImportOutcome): `mapped` does the same, `approximated` nearly so. In the place of what is `unsupported`
            a
            function throws, or a part of it is left out.
        became (list[str]): The kinds of the nodes that it became. Empty where it became a part of something else.
        notes (list[str]): What differs, and what has to be done by hand.
    """

    workflow: str
    node: str
    name: str
    type_: str
    outcome: ImportOutcome
    became: list[str]
    notes: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        workflow = self.workflow

        node = self.node

        name = self.name

        type_ = self.type_

        outcome = self.outcome.value

        became = self.became

        notes = self.notes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "workflow": workflow,
                "node": node,
                "name": name,
                "type": type_,
                "outcome": outcome,
                "became": became,
                "notes": notes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        workflow = d.pop("workflow")

        node = d.pop("node")

        name = d.pop("name")

        type_ = d.pop("type")

        outcome = ImportOutcome(d.pop("outcome"))

        became = cast(list[str], d.pop("became"))

        notes = cast(list[str], d.pop("notes"))

        import_entry = cls(
            workflow=workflow,
            node=node,
            name=name,
            type_=type_,
            outcome=outcome,
            became=became,
            notes=notes,
        )

        import_entry.additional_properties = d
        return import_entry

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
