from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.end_state import EndState
from ..models.replay_from import ReplayFrom
from ..types import UNSET, Unset

T = TypeVar("T", bound="BulkReplay")


@_attrs_define
class BulkReplay:
    """Which runs are repeated, and how: those that are named, or those that meet the conditions.

    Attributes:
        run_ids (list[str] | None | Unset): These runs, and no conditions beside them.
        workflow (None | str | Unset): Only runs of this workflow; by default of all that the key may use.
        status (EndState | None | Unset):
        user (None | str | Unset): The `user` of their start.
        code (None | str | Unset): Only failed runs: the code of their error.
        node (None | str | Unset): Only failed runs: the node that failed.
        version (None | str | Unset): The version that they started with.
        created_from (datetime.datetime | None | Unset):
        created_before (datetime.datetime | None | Unset):
        from_ (None | ReplayFrom | Unset):
        on_version (None | str | Unset): The version that they run with, instead of each run's own.
        at_a_time (int | None | Unset): So many of the new runs go on at a time; by default as many as the limits of the
            key allow.
    """

    run_ids: list[str] | None | Unset = UNSET
    workflow: None | str | Unset = UNSET
    status: EndState | None | Unset = UNSET
    user: None | str | Unset = UNSET
    code: None | str | Unset = UNSET
    node: None | str | Unset = UNSET
    version: None | str | Unset = UNSET
    created_from: datetime.datetime | None | Unset = UNSET
    created_before: datetime.datetime | None | Unset = UNSET
    from_: None | ReplayFrom | Unset = UNSET
    on_version: None | str | Unset = UNSET
    at_a_time: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        run_ids: list[str] | None | Unset
        if isinstance(self.run_ids, Unset):
            run_ids = UNSET
        elif isinstance(self.run_ids, list):
            run_ids = self.run_ids

        else:
            run_ids = self.run_ids

        workflow: None | str | Unset
        if isinstance(self.workflow, Unset):
            workflow = UNSET
        else:
            workflow = self.workflow

        status: None | str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        elif isinstance(self.status, EndState):
            status = self.status.value
        else:
            status = self.status

        user: None | str | Unset
        if isinstance(self.user, Unset):
            user = UNSET
        else:
            user = self.user

        code: None | str | Unset
        if isinstance(self.code, Unset):
            code = UNSET
        else:
            code = self.code

        node: None | str | Unset
        if isinstance(self.node, Unset):
            node = UNSET
        else:
            node = self.node

        version: None | str | Unset
        if isinstance(self.version, Unset):
            version = UNSET
        else:
            version = self.version

        created_from: None | str | Unset
        if isinstance(self.created_from, Unset):
            created_from = UNSET
        elif isinstance(self.created_from, datetime.datetime):
            created_from = self.created_from.isoformat()
        else:
            created_from = self.created_from

        created_before: None | str | Unset
        if isinstance(self.created_before, Unset):
            created_before = UNSET
        elif isinstance(self.created_before, datetime.datetime):
            created_before = self.created_before.isoformat()
        else:
            created_before = self.created_before

        from_: None | str | Unset
        if isinstance(self.from_, Unset):
            from_ = UNSET
        elif isinstance(self.from_, ReplayFrom):
            from_ = self.from_.value
        else:
            from_ = self.from_

        on_version: None | str | Unset
        if isinstance(self.on_version, Unset):
            on_version = UNSET
        else:
            on_version = self.on_version

        at_a_time: int | None | Unset
        if isinstance(self.at_a_time, Unset):
            at_a_time = UNSET
        else:
            at_a_time = self.at_a_time

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if run_ids is not UNSET:
            field_dict["run_ids"] = run_ids
        if workflow is not UNSET:
            field_dict["workflow"] = workflow
        if status is not UNSET:
            field_dict["status"] = status
        if user is not UNSET:
            field_dict["user"] = user
        if code is not UNSET:
            field_dict["code"] = code
        if node is not UNSET:
            field_dict["node"] = node
        if version is not UNSET:
            field_dict["version"] = version
        if created_from is not UNSET:
            field_dict["created_from"] = created_from
        if created_before is not UNSET:
            field_dict["created_before"] = created_before
        if from_ is not UNSET:
            field_dict["from"] = from_
        if on_version is not UNSET:
            field_dict["on_version"] = on_version
        if at_a_time is not UNSET:
            field_dict["at_a_time"] = at_a_time

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_run_ids(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                run_ids_type_0 = cast(list[str], data)

                return run_ids_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        run_ids = _parse_run_ids(d.pop("run_ids", UNSET))

        def _parse_workflow(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        workflow = _parse_workflow(d.pop("workflow", UNSET))

        def _parse_status(data: object) -> EndState | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_0 = EndState(data)

                return status_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(EndState | None | Unset, data)

        status = _parse_status(d.pop("status", UNSET))

        def _parse_user(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        user = _parse_user(d.pop("user", UNSET))

        def _parse_code(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        code = _parse_code(d.pop("code", UNSET))

        def _parse_node(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        node = _parse_node(d.pop("node", UNSET))

        def _parse_version(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        version = _parse_version(d.pop("version", UNSET))

        def _parse_created_from(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_from_type_0 = datetime.datetime.fromisoformat(data)

                return created_from_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        created_from = _parse_created_from(d.pop("created_from", UNSET))

        def _parse_created_before(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_before_type_0 = datetime.datetime.fromisoformat(data)

                return created_before_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        created_before = _parse_created_before(d.pop("created_before", UNSET))

        def _parse_from_(data: object) -> None | ReplayFrom | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                from_type_0 = ReplayFrom(data)

                return from_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | ReplayFrom | Unset, data)

        from_ = _parse_from_(d.pop("from", UNSET))

        def _parse_on_version(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        on_version = _parse_on_version(d.pop("on_version", UNSET))

        def _parse_at_a_time(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        at_a_time = _parse_at_a_time(d.pop("at_a_time", UNSET))

        bulk_replay = cls(
            run_ids=run_ids,
            workflow=workflow,
            status=status,
            user=user,
            code=code,
            node=node,
            version=version,
            created_from=created_from,
            created_before=created_before,
            from_=from_,
            on_version=on_version,
            at_a_time=at_a_time,
        )

        return bulk_replay
