from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.node_status import NodeStatus
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.call_trace import CallTrace
    from ..models.run_error import RunError


T = TypeVar("T", bound="NodeTrace")


@_attrs_define
class NodeTrace:
    """What a node did. While the run goes on, inputs and outputs are null, and so are the costs of
    nodes that have not ended.

        Attributes:
            node (str): The node's id, inside a loop after its iterations. `api` is the input, `output` the output.
            parent (None | str): The path of the container that it ran in, such as `chapters[2]`; null at the top.
            kind (str):
            status (NodeStatus | None):
            attempts (int):
            ready_at (datetime.datetime | None):
            started_at (datetime.datetime | None):
            duration_ms (int | None):
            input_ (Any): What the node sent, with secrets as names; null where it calls nothing.
            output (Any):
            error (None | RunError):
            tokens (int | None):
            cost_nano_usd (int | None): In 10⁻⁹ USD. Null where a price is not known.
            calls (list[CallTrace]): Its calls, in the order in which they were asked for; empty where it made none. While
                the
                run goes on, those are known whose results are stored: all of a detached run's.
            reused (bool | Unset): `true` where the run's origin made its calls: this run spent nothing on them.
            pinned (bool | Unset): `true` where its output was given and it did not run.
    """

    node: str
    parent: None | str
    kind: str
    status: NodeStatus | None
    attempts: int
    ready_at: datetime.datetime | None
    started_at: datetime.datetime | None
    duration_ms: int | None
    input_: Any
    output: Any
    error: None | RunError
    tokens: int | None
    cost_nano_usd: int | None
    calls: list[CallTrace]
    reused: bool | Unset = UNSET
    pinned: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.run_error import RunError  # noqa: PLC0415

        node = self.node

        parent: None | str
        parent = self.parent

        kind = self.kind

        status: None | str
        if isinstance(self.status, NodeStatus):
            status = self.status.value
        else:
            status = self.status

        attempts = self.attempts

        ready_at: None | str
        if isinstance(self.ready_at, datetime.datetime):
            ready_at = self.ready_at.isoformat()
        else:
            ready_at = self.ready_at

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        duration_ms: int | None
        duration_ms = self.duration_ms

        input_ = self.input_

        output = self.output

        error: dict[str, Any] | None
        if isinstance(self.error, RunError):
            error = self.error.to_dict()
        else:
            error = self.error

        tokens: int | None
        tokens = self.tokens

        cost_nano_usd: int | None
        cost_nano_usd = self.cost_nano_usd

        calls = []
        for calls_item_data in self.calls:
            calls_item = calls_item_data.to_dict()
            calls.append(calls_item)

        reused = self.reused

        pinned = self.pinned

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "node": node,
                "parent": parent,
                "kind": kind,
                "status": status,
                "attempts": attempts,
                "ready_at": ready_at,
                "started_at": started_at,
                "duration_ms": duration_ms,
                "input": input_,
                "output": output,
                "error": error,
                "tokens": tokens,
                "cost_nano_usd": cost_nano_usd,
                "calls": calls,
            }
        )
        if reused is not UNSET:
            field_dict["reused"] = reused
        if pinned is not UNSET:
            field_dict["pinned"] = pinned

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.call_trace import CallTrace  # noqa: PLC0415
        from ..models.run_error import RunError  # noqa: PLC0415

        d = dict(src_dict)
        node = d.pop("node")

        def _parse_parent(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        parent = _parse_parent(d.pop("parent"))

        kind = d.pop("kind")

        def _parse_status(data: object) -> NodeStatus | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_0 = NodeStatus(data)

                return status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(NodeStatus | None, data)

        status = _parse_status(d.pop("status"))

        attempts = d.pop("attempts")

        def _parse_ready_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ready_at_type_0 = datetime.datetime.fromisoformat(data)

                return ready_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        ready_at = _parse_ready_at(d.pop("ready_at"))

        def _parse_started_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = datetime.datetime.fromisoformat(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        started_at = _parse_started_at(d.pop("started_at"))

        def _parse_duration_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        duration_ms = _parse_duration_ms(d.pop("duration_ms"))

        input_ = d.pop("input")

        output = d.pop("output")

        def _parse_error(data: object) -> None | RunError:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                error_type_0 = RunError.from_dict(data)

                return error_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | RunError, data)

        error = _parse_error(d.pop("error"))

        def _parse_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        tokens = _parse_tokens(d.pop("tokens"))

        def _parse_cost_nano_usd(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        cost_nano_usd = _parse_cost_nano_usd(d.pop("cost_nano_usd"))

        calls = []
        _calls = d.pop("calls")
        for calls_item_data in _calls:
            calls_item = CallTrace.from_dict(calls_item_data)

            calls.append(calls_item)

        reused = d.pop("reused", UNSET)

        pinned = d.pop("pinned", UNSET)

        node_trace = cls(
            node=node,
            parent=parent,
            kind=kind,
            status=status,
            attempts=attempts,
            ready_at=ready_at,
            started_at=started_at,
            duration_ms=duration_ms,
            input_=input_,
            output=output,
            error=error,
            tokens=tokens,
            cost_nano_usd=cost_nano_usd,
            calls=calls,
            reused=reused,
            pinned=pinned,
        )

        node_trace.additional_properties = d
        return node_trace

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
