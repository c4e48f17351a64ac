from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.node_status import NodeStatus

if TYPE_CHECKING:
    from ..models.run_error import RunError


T = TypeVar("T", bound="NodeFinished")


@_attrs_define
class NodeFinished:
    """`node.finished`: the trace has the output. The log does not keep it, and a stream that is
    resumed must read like one that was not cut.

        Attributes:
            run_id (str):
            node (str):
            kind (str):
            status (NodeStatus): How a node ended.
            error (None | RunError):
            duration_ms (int | None): From its start. Null where it never started, and in events of earlier releases.
            tokens (int | None): Null where nobody knows, and where it calls no model.
            cost_nano_usd (int | None): In 10⁻⁹ USD. Null where nobody knows, and where nothing cost.
            at (datetime.datetime): RFC 3339 with milliseconds, UTC.
    """

    run_id: str
    node: str
    kind: str
    status: NodeStatus
    error: None | RunError
    duration_ms: int | None
    tokens: int | None
    cost_nano_usd: int | None
    at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.run_error import RunError  # noqa: PLC0415

        run_id = self.run_id

        node = self.node

        kind = self.kind

        status = self.status.value

        error: dict[str, Any] | None
        if isinstance(self.error, RunError):
            error = self.error.to_dict()
        else:
            error = self.error

        duration_ms: int | None
        duration_ms = self.duration_ms

        tokens: int | None
        tokens = self.tokens

        cost_nano_usd: int | None
        cost_nano_usd = self.cost_nano_usd

        at = self.at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "run_id": run_id,
                "node": node,
                "kind": kind,
                "status": status,
                "error": error,
                "duration_ms": duration_ms,
                "tokens": tokens,
                "cost_nano_usd": cost_nano_usd,
                "at": at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.run_error import RunError  # noqa: PLC0415

        d = dict(src_dict)
        run_id = d.pop("run_id")

        node = d.pop("node")

        kind = d.pop("kind")

        status = NodeStatus(d.pop("status"))

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

        def _parse_duration_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        duration_ms = _parse_duration_ms(d.pop("duration_ms"))

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

        at = datetime.datetime.fromisoformat(d.pop("at"))

        node_finished = cls(
            run_id=run_id,
            node=node,
            kind=kind,
            status=status,
            error=error,
            duration_ms=duration_ms,
            tokens=tokens,
            cost_nano_usd=cost_nano_usd,
            at=at,
        )

        node_finished.additional_properties = d
        return node_finished

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
