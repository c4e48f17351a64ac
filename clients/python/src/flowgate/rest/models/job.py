from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.job_kind import JobKind
from ..models.job_status import JobStatus
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.job_progress import JobProgress


T = TypeVar("T", bound="Job")


@_attrs_define
class Job:
    """Work in many steps, and how far it is.

    Attributes:
        id (str):
        kind (JobKind):
        status (JobStatus):
        progress (JobProgress): How far a job is.
        created_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        ended_at (datetime.datetime | None):
        deleted (int | Unset): Of an erasure: runs deleted so far.
        in_flight (int | Unset): Of an erasure: runs in flight when it last looked. It deletes them once they have
            ended.
    """

    id: str
    kind: JobKind
    status: JobStatus
    progress: JobProgress
    created_at: datetime.datetime
    ended_at: datetime.datetime | None
    deleted: int | Unset = UNSET
    in_flight: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        kind = self.kind.value

        status = self.status.value

        progress = self.progress.to_dict()

        created_at = self.created_at.isoformat()

        ended_at: None | str
        if isinstance(self.ended_at, datetime.datetime):
            ended_at = self.ended_at.isoformat()
        else:
            ended_at = self.ended_at

        deleted = self.deleted

        in_flight = self.in_flight

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "kind": kind,
                "status": status,
                "progress": progress,
                "created_at": created_at,
                "ended_at": ended_at,
            }
        )
        if deleted is not UNSET:
            field_dict["deleted"] = deleted
        if in_flight is not UNSET:
            field_dict["in_flight"] = in_flight

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.job_progress import JobProgress  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        kind = JobKind(d.pop("kind"))

        status = JobStatus(d.pop("status"))

        progress = JobProgress.from_dict(d.pop("progress"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

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

        deleted = d.pop("deleted", UNSET)

        in_flight = d.pop("in_flight", UNSET)

        job = cls(
            id=id,
            kind=kind,
            status=status,
            progress=progress,
            created_at=created_at,
            ended_at=ended_at,
            deleted=deleted,
            in_flight=in_flight,
        )

        job.additional_properties = d
        return job

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
