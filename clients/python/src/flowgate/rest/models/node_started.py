from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="NodeStarted")


@_attrs_define
class NodeStarted:
    """`node.started`

    Attributes:
        run_id (str):
        node (str):
        kind (str):
        attempt (int): From 1.
        at (datetime.datetime): RFC 3339 with milliseconds, UTC.
    """

    run_id: str
    node: str
    kind: str
    attempt: int
    at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        run_id = self.run_id

        node = self.node

        kind = self.kind

        attempt = self.attempt

        at = self.at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "run_id": run_id,
                "node": node,
                "kind": kind,
                "attempt": attempt,
                "at": at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        run_id = d.pop("run_id")

        node = d.pop("node")

        kind = d.pop("kind")

        attempt = d.pop("attempt")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        node_started = cls(
            run_id=run_id,
            node=node,
            kind=kind,
            attempt=attempt,
            at=at,
        )

        node_started.additional_properties = d
        return node_started

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
