from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.node_status import NodeStatus
from ..types import UNSET, Unset

T = TypeVar("T", bound="AttemptTrace")


@_attrs_define
class AttemptTrace:
    """One attempt of a call. Of those before a crash, only the last one may be known.

    Attributes:
        attempt (int): From 1.
        queued_at (datetime.datetime | None):
        started_at (datetime.datetime | None):
        ended_at (datetime.datetime | None):
        status (NodeStatus | None):
        code (None | str): The code of its error.
        http_status (int | None):
        finish_reason (None | str): Why a model stopped.
        tokens (int | None): Null where nobody knows.
        cost_nano_usd (int | None): In 10⁻⁹ USD. Null where nobody knows.
        reused (bool | Unset): `true` where the run's origin made it.
    """

    attempt: int
    queued_at: datetime.datetime | None
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    status: NodeStatus | None
    code: None | str
    http_status: int | None
    finish_reason: None | str
    tokens: int | None
    cost_nano_usd: int | None
    reused: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        attempt = self.attempt

        queued_at: None | str
        if isinstance(self.queued_at, datetime.datetime):
            queued_at = self.queued_at.isoformat()
        else:
            queued_at = self.queued_at

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        ended_at: None | str
        if isinstance(self.ended_at, datetime.datetime):
            ended_at = self.ended_at.isoformat()
        else:
            ended_at = self.ended_at

        status: None | str
        if isinstance(self.status, NodeStatus):
            status = self.status.value
        else:
            status = self.status

        code: None | str
        code = self.code

        http_status: int | None
        http_status = self.http_status

        finish_reason: None | str
        finish_reason = self.finish_reason

        tokens: int | None
        tokens = self.tokens

        cost_nano_usd: int | None
        cost_nano_usd = self.cost_nano_usd

        reused = self.reused

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "attempt": attempt,
                "queued_at": queued_at,
                "started_at": started_at,
                "ended_at": ended_at,
                "status": status,
                "code": code,
                "http_status": http_status,
                "finish_reason": finish_reason,
                "tokens": tokens,
                "cost_nano_usd": cost_nano_usd,
            }
        )
        if reused is not UNSET:
            field_dict["reused"] = reused

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        attempt = d.pop("attempt")

        def _parse_queued_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                queued_at_type_0 = datetime.datetime.fromisoformat(data)

                return queued_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        queued_at = _parse_queued_at(d.pop("queued_at"))

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

        def _parse_ended_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ended_at_type_0 = datetime.datetime.fromisoformat(data)

                return ended_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        ended_at = _parse_ended_at(d.pop("ended_at"))

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

        def _parse_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        code = _parse_code(d.pop("code"))

        def _parse_http_status(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        http_status = _parse_http_status(d.pop("http_status"))

        def _parse_finish_reason(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        finish_reason = _parse_finish_reason(d.pop("finish_reason"))

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

        reused = d.pop("reused", UNSET)

        attempt_trace = cls(
            attempt=attempt,
            queued_at=queued_at,
            started_at=started_at,
            ended_at=ended_at,
            status=status,
            code=code,
            http_status=http_status,
            finish_reason=finish_reason,
            tokens=tokens,
            cost_nano_usd=cost_nano_usd,
            reused=reused,
        )

        attempt_trace.additional_properties = d
        return attempt_trace

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
