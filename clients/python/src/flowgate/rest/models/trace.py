from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.run_status import RunStatus

if TYPE_CHECKING:
    from ..models.node_trace import NodeTrace


T = TypeVar("T", bound="Trace")


@_attrs_define
class Trace:
    """What a run did.

    Attributes:
        run_id (str):
        workflow_id (str):
        version (str):
        status (RunStatus): Where a run stands.
        nodes (list[NodeTrace]): In the order in which they began.
    """

    run_id: str
    workflow_id: str
    version: str
    status: RunStatus
    nodes: list[NodeTrace]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        run_id = self.run_id

        workflow_id = self.workflow_id

        version = self.version

        status = self.status.value

        nodes = []
        for nodes_item_data in self.nodes:
            nodes_item = nodes_item_data.to_dict()
            nodes.append(nodes_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "run_id": run_id,
                "workflow_id": workflow_id,
                "version": version,
                "status": status,
                "nodes": nodes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.node_trace import NodeTrace  # noqa: PLC0415

        d = dict(src_dict)
        run_id = d.pop("run_id")

        workflow_id = d.pop("workflow_id")

        version = d.pop("version")

        status = RunStatus(d.pop("status"))

        nodes = []
        _nodes = d.pop("nodes")
        for nodes_item_data in _nodes:
            nodes_item = NodeTrace.from_dict(nodes_item_data)

            nodes.append(nodes_item)

        trace = cls(
            run_id=run_id,
            workflow_id=workflow_id,
            version=version,
            status=status,
            nodes=nodes,
        )

        trace.additional_properties = d
        return trace

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
