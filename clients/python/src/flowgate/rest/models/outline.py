from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.outline_edge import OutlineEdge
    from ..models.outline_input import OutlineInput
    from ..models.outline_node import OutlineNode
    from ..models.outline_output import OutlineOutput


T = TypeVar("T", bound="Outline")


@_attrs_define
class Outline:
    """A document drawn up: its nodes, and what leads from one to another. At most 1 MiB.

    Attributes:
        nodes (list[OutlineNode]): In the order of the document, a container before what it holds.
        edges (list[OutlineEdge]):
        inputs (list[OutlineInput]): Of the section `input`.
        outputs (list[OutlineOutput]): Of the section `output`.
        removed (list[str]): The ids of nodes that the active version has, and this document lacks.
        truncated (bool): Something had no room and was left out.
    """

    nodes: list[OutlineNode]
    edges: list[OutlineEdge]
    inputs: list[OutlineInput]
    outputs: list[OutlineOutput]
    removed: list[str]
    truncated: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        nodes = []
        for nodes_item_data in self.nodes:
            nodes_item = nodes_item_data.to_dict()
            nodes.append(nodes_item)

        edges = []
        for edges_item_data in self.edges:
            edges_item = edges_item_data.to_dict()
            edges.append(edges_item)

        inputs = []
        for inputs_item_data in self.inputs:
            inputs_item = inputs_item_data.to_dict()
            inputs.append(inputs_item)

        outputs = []
        for outputs_item_data in self.outputs:
            outputs_item = outputs_item_data.to_dict()
            outputs.append(outputs_item)

        removed = self.removed

        truncated = self.truncated

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "nodes": nodes,
                "edges": edges,
                "inputs": inputs,
                "outputs": outputs,
                "removed": removed,
                "truncated": truncated,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.outline_edge import OutlineEdge  # noqa: PLC0415
        from ..models.outline_input import OutlineInput  # noqa: PLC0415
        from ..models.outline_node import OutlineNode  # noqa: PLC0415
        from ..models.outline_output import OutlineOutput  # noqa: PLC0415

        d = dict(src_dict)
        nodes = []
        _nodes = d.pop("nodes")
        for nodes_item_data in _nodes:
            nodes_item = OutlineNode.from_dict(nodes_item_data)

            nodes.append(nodes_item)

        edges = []
        _edges = d.pop("edges")
        for edges_item_data in _edges:
            edges_item = OutlineEdge.from_dict(edges_item_data)

            edges.append(edges_item)

        inputs = []
        _inputs = d.pop("inputs")
        for inputs_item_data in _inputs:
            inputs_item = OutlineInput.from_dict(inputs_item_data)

            inputs.append(inputs_item)

        outputs = []
        _outputs = d.pop("outputs")
        for outputs_item_data in _outputs:
            outputs_item = OutlineOutput.from_dict(outputs_item_data)

            outputs.append(outputs_item)

        removed = cast(list[str], d.pop("removed"))

        truncated = d.pop("truncated")

        outline = cls(
            nodes=nodes,
            edges=edges,
            inputs=inputs,
            outputs=outputs,
            removed=removed,
            truncated=truncated,
        )

        outline.additional_properties = d
        return outline

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
