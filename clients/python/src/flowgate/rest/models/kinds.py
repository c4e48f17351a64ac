from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.field import Field
    from ..models.kind import Kind
    from ..models.shipped_connector import ShippedConnector


T = TypeVar("T", bound="Kinds")


@_attrs_define
class Kinds:
    """What a document may hold.

    Attributes:
        kinds (list[Kind]):
        connectors (list[ShippedConnector]): The connectors whose operations are among the kinds.
        node_fields (list[Field]): What every node may have. A kind's own field of the same name stands instead.
        input_types (list[str]): The types of fields of the section `input`.
    """

    kinds: list[Kind]
    connectors: list[ShippedConnector]
    node_fields: list[Field]
    input_types: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        kinds = []
        for kinds_item_data in self.kinds:
            kinds_item = kinds_item_data.to_dict()
            kinds.append(kinds_item)

        connectors = []
        for connectors_item_data in self.connectors:
            connectors_item = connectors_item_data.to_dict()
            connectors.append(connectors_item)

        node_fields = []
        for node_fields_item_data in self.node_fields:
            node_fields_item = node_fields_item_data.to_dict()
            node_fields.append(node_fields_item)

        input_types = self.input_types

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "kinds": kinds,
                "connectors": connectors,
                "node_fields": node_fields,
                "input_types": input_types,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.field import Field  # noqa: PLC0415
        from ..models.kind import Kind  # noqa: PLC0415
        from ..models.shipped_connector import ShippedConnector  # noqa: PLC0415

        d = dict(src_dict)
        kinds = []
        _kinds = d.pop("kinds")
        for kinds_item_data in _kinds:
            kinds_item = Kind.from_dict(kinds_item_data)

            kinds.append(kinds_item)

        connectors = []
        _connectors = d.pop("connectors")
        for connectors_item_data in _connectors:
            connectors_item = ShippedConnector.from_dict(connectors_item_data)

            connectors.append(connectors_item)

        node_fields = []
        _node_fields = d.pop("node_fields")
        for node_fields_item_data in _node_fields:
            node_fields_item = Field.from_dict(node_fields_item_data)

            node_fields.append(node_fields_item)

        input_types = cast(list[str], d.pop("input_types"))

        kinds = cls(
            kinds=kinds,
            connectors=connectors,
            node_fields=node_fields,
            input_types=input_types,
        )

        kinds.additional_properties = d
        return kinds

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
