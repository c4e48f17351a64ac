from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.run_mode import RunMode
from ..models.run_status import RunStatus
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.links import Links
    from ..models.omitted import Omitted
    from ..models.run_error import RunError
    from ..models.usage import Usage


T = TypeVar("T", bound="Run")


@_attrs_define
class Run:
    """
    Attributes:
        id (str):
        workflow_id (str):
        workflow_name (str):
        version (str): The version that the run started with; `draft` for a draft.
        status (RunStatus): Where a run stands.
        error (None | RunError):
        usage (Usage): What the models of a run used, counted at its end.
        created_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        started_at (datetime.datetime | None):
        ended_at (datetime.datetime | None):
        queued_ms (int | None): From creation to start. Null until it has started.
        duration_ms (int | None): From start to end.
        links (Links): Where more is said of a run.
        origin (str | Unset): The run that it repeats. Left out where it repeats none.
        user (str | Unset): Left out where the start named none.
        key (None | str | Unset): The id of the key that started it; null for the operator and for schedules. Left out
            for
            callers without the scope `trace`, in events and in webhooks.
        mode (RunMode | Unset): How a run was started.
        input_ (Any | Unset): As the nodes see it, with defaults. A list leaves it out unless asked.
        output (Any | Unset): Null until the end, and for a cancelled run. Of a failed run, what its output nodes left.
            A
            list leaves it out unless asked.
        omitted (Omitted | Unset): What an event leaves out of a run for its size.
    """

    id: str
    workflow_id: str
    workflow_name: str
    version: str
    status: RunStatus
    error: None | RunError
    usage: Usage
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    queued_ms: int | None
    duration_ms: int | None
    links: Links
    origin: str | Unset = UNSET
    user: str | Unset = UNSET
    key: None | str | Unset = UNSET
    mode: RunMode | Unset = UNSET
    input_: Any | Unset = UNSET
    output: Any | Unset = UNSET
    omitted: Omitted | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.run_error import RunError  # noqa: PLC0415

        id = self.id

        workflow_id = self.workflow_id

        workflow_name = self.workflow_name

        version = self.version

        status = self.status.value

        error: dict[str, Any] | None
        if isinstance(self.error, RunError):
            error = self.error.to_dict()
        else:
            error = self.error

        usage = self.usage.to_dict()

        created_at = self.created_at.isoformat()

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

        queued_ms: int | None
        queued_ms = self.queued_ms

        duration_ms: int | None
        duration_ms = self.duration_ms

        links = self.links.to_dict()

        origin = self.origin

        user = self.user

        key: None | str | Unset
        if isinstance(self.key, Unset):
            key = UNSET
        else:
            key = self.key

        mode: str | Unset = UNSET
        if not isinstance(self.mode, Unset):
            mode = self.mode.value

        input_ = self.input_

        output = self.output

        omitted: dict[str, Any] | Unset = UNSET
        if not isinstance(self.omitted, Unset):
            omitted = self.omitted.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "workflow_id": workflow_id,
                "workflow_name": workflow_name,
                "version": version,
                "status": status,
                "error": error,
                "usage": usage,
                "created_at": created_at,
                "started_at": started_at,
                "ended_at": ended_at,
                "queued_ms": queued_ms,
                "duration_ms": duration_ms,
                "links": links,
            }
        )
        if origin is not UNSET:
            field_dict["origin"] = origin
        if user is not UNSET:
            field_dict["user"] = user
        if key is not UNSET:
            field_dict["key"] = key
        if mode is not UNSET:
            field_dict["mode"] = mode
        if input_ is not UNSET:
            field_dict["input"] = input_
        if output is not UNSET:
            field_dict["output"] = output
        if omitted is not UNSET:
            field_dict["omitted"] = omitted

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.links import Links  # noqa: PLC0415
        from ..models.omitted import Omitted  # noqa: PLC0415
        from ..models.run_error import RunError  # noqa: PLC0415
        from ..models.usage import Usage  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        workflow_id = d.pop("workflow_id")

        workflow_name = d.pop("workflow_name")

        version = d.pop("version")

        status = RunStatus(d.pop("status"))

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

        usage = Usage.from_dict(d.pop("usage"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

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

        def _parse_queued_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        queued_ms = _parse_queued_ms(d.pop("queued_ms"))

        def _parse_duration_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        duration_ms = _parse_duration_ms(d.pop("duration_ms"))

        links = Links.from_dict(d.pop("links"))

        origin = d.pop("origin", UNSET)

        user = d.pop("user", UNSET)

        def _parse_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        key = _parse_key(d.pop("key", UNSET))

        _mode = d.pop("mode", UNSET)
        mode: RunMode | Unset
        if isinstance(_mode, Unset):
            mode = UNSET
        else:
            mode = RunMode(_mode)

        input_ = d.pop("input", UNSET)

        output = d.pop("output", UNSET)

        _omitted = d.pop("omitted", UNSET)
        omitted: Omitted | Unset
        if isinstance(_omitted, Unset):
            omitted = UNSET
        else:
            omitted = Omitted.from_dict(_omitted)

        run = cls(
            id=id,
            workflow_id=workflow_id,
            workflow_name=workflow_name,
            version=version,
            status=status,
            error=error,
            usage=usage,
            created_at=created_at,
            started_at=started_at,
            ended_at=ended_at,
            queued_ms=queued_ms,
            duration_ms=duration_ms,
            links=links,
            origin=origin,
            user=user,
            key=key,
            mode=mode,
            input_=input_,
            output=output,
            omitted=omitted,
        )

        run.additional_properties = d
        return run

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
