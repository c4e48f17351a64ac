from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="NodeReset")


@_attrs_define
class NodeReset:
    """`node.reset`: the chunks of the node, or of this call of it, do not count so far.

    Attributes:
        run_id (str):
        node (str):
        at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        call (str | Unset):
    """

    run_id: str
    node: str
    at: datetime.datetime
    call: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        run_id = self.run_id

        node = self.node

        at = self.at.isoformat()

        call = self.call

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "run_id": run_id,
                "node": node,
                "at": at,
            }
        )
        if call is not UNSET:
            field_dict["call"] = call

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        run_id = d.pop("run_id")

        node = d.pop("node")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        call = d.pop("call", UNSET)

        node_reset = cls(
            run_id=run_id,
            node=node,
            at=at,
            call=call,
        )

        node_reset.additional_properties = d
        return node_reset

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
