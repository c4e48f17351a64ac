from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.field import Field


T = TypeVar("T", bound="Kind")


@_attrs_define
class Kind:
    """A kind of node.

    Attributes:
        name (str): What stands as `type`.
        summary (str):
        details (str): Markdown.
        group (str): What kind of work it does: `gate`, `model`, `call`, `flow`, `data` or `people`.
        role (str): `step`, `container`, `output` or `remark`.
        calls (bool): It calls out, and takes `retry`, `timeout` and `at_most_once`.
        example (str): A node, in YAML.
        fields (list[Field]):
        outputs (list[str] | None): The output fields of a node with no more than its required fields; null where the
            author
            names them.
        connector (None | str | Unset): The connector whose operation it is.
        effect (None | str | Unset): What the operation does to the vendor's data: `read`, `write` or `delete`.
    """

    name: str
    summary: str
    details: str
    group: str
    role: str
    calls: bool
    example: str
    fields: list[Field]
    outputs: list[str] | None
    connector: None | str | Unset = UNSET
    effect: None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        summary = self.summary

        details = self.details

        group = self.group

        role = self.role

        calls = self.calls

        example = self.example

        fields = []
        for fields_item_data in self.fields:
            fields_item = fields_item_data.to_dict()
            fields.append(fields_item)

        outputs: list[str] | None
        if isinstance(self.outputs, list):
            outputs = self.outputs

        else:
            outputs = self.outputs

        connector: None | str | Unset
        if isinstance(self.connector, Unset):
            connector = UNSET
        else:
            connector = self.connector

        effect: None | str | Unset
        if isinstance(self.effect, Unset):
            effect = UNSET
        else:
            effect = self.effect

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "summary": summary,
                "details": details,
                "group": group,
                "role": role,
                "calls": calls,
                "example": example,
                "fields": fields,
                "outputs": outputs,
            }
        )
        if connector is not UNSET:
            field_dict["connector"] = connector
        if effect is not UNSET:
            field_dict["effect"] = effect

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.field import Field  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        summary = d.pop("summary")

        details = d.pop("details")

        group = d.pop("group")

        role = d.pop("role")

        calls = d.pop("calls")

        example = d.pop("example")

        fields = []
        _fields = d.pop("fields")
        for fields_item_data in _fields:
            fields_item = Field.from_dict(fields_item_data)

            fields.append(fields_item)

        def _parse_outputs(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                outputs_type_0 = cast(list[str], data)

                return outputs_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        outputs = _parse_outputs(d.pop("outputs"))

        def _parse_connector(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        connector = _parse_connector(d.pop("connector", UNSET))

        def _parse_effect(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        effect = _parse_effect(d.pop("effect", UNSET))

        kind = cls(
            name=name,
            summary=summary,
            details=details,
            group=group,
            role=role,
            calls=calls,
            example=example,
            fields=fields,
            outputs=outputs,
            connector=connector,
            effect=effect,
        )

        kind.additional_properties = d
        return kind

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
