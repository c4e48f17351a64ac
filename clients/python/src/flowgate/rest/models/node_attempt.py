from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="NodeAttempt")


@_attrs_define
class NodeAttempt:
    """`node.attempt`: a call goes out once more, or one after the node's first.

    Attributes:
        run_id (str):
        node (str):
        attempt (int): From 1.
        at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        call (str | Unset): The call of a node that makes several; left out for its first.
    """

    run_id: str
    node: str
    attempt: int
    at: datetime.datetime
    call: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        run_id = self.run_id

        node = self.node

        attempt = self.attempt

        at = self.at.isoformat()

        call = self.call

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "run_id": run_id,
                "node": node,
                "attempt": attempt,
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

        attempt = d.pop("attempt")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        call = d.pop("call", UNSET)

        node_attempt = cls(
            run_id=run_id,
            node=node,
            attempt=attempt,
            at=at,
            call=call,
        )

        node_attempt.additional_properties = d
        return node_attempt

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
