from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.document_problem import DocumentProblem
    from ..models.draft import Draft
    from ..models.outline import Outline
    from ..models.public_workflow import PublicWorkflow
    from ..models.workflow_schedule import WorkflowSchedule


T = TypeVar("T", bound="WorkflowDocument")


@_attrs_define
class WorkflowDocument:
    """A workflow with its draft's text.

    Attributes:
        id (str):
        name (str):
        active_version (None | str): What callers run; null where nothing is published.
        activated_at (datetime.datetime | None):
        created_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        draft (Draft):
        document (str): YAML or JSON, as its author wrote it.
        public (None | PublicWorkflow):
        schedules (list[WorkflowSchedule]): Of the active version, in the order of its document.
        problems (list[DocumentProblem]): Of the draft.
        outline (None | Outline):
    """

    id: str
    name: str
    active_version: None | str
    activated_at: datetime.datetime | None
    created_at: datetime.datetime
    draft: Draft
    document: str
    public: None | PublicWorkflow
    schedules: list[WorkflowSchedule]
    problems: list[DocumentProblem]
    outline: None | Outline
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.outline import Outline  # noqa: PLC0415
        from ..models.public_workflow import PublicWorkflow  # noqa: PLC0415

        id = self.id

        name = self.name

        active_version: None | str
        active_version = self.active_version

        activated_at: None | str
        if isinstance(self.activated_at, datetime.datetime):
            activated_at = self.activated_at.isoformat()
        else:
            activated_at = self.activated_at

        created_at = self.created_at.isoformat()

        draft = self.draft.to_dict()

        document = self.document

        public: dict[str, Any] | None
        if isinstance(self.public, PublicWorkflow):
            public = self.public.to_dict()
        else:
            public = self.public

        schedules = []
        for schedules_item_data in self.schedules:
            schedules_item = schedules_item_data.to_dict()
            schedules.append(schedules_item)

        problems = []
        for problems_item_data in self.problems:
            problems_item = problems_item_data.to_dict()
            problems.append(problems_item)

        outline: dict[str, Any] | None
        if isinstance(self.outline, Outline):
            outline = self.outline.to_dict()
        else:
            outline = self.outline

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "active_version": active_version,
                "activated_at": activated_at,
                "created_at": created_at,
                "draft": draft,
                "document": document,
                "public": public,
                "schedules": schedules,
                "problems": problems,
                "outline": outline,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.document_problem import DocumentProblem  # noqa: PLC0415
        from ..models.draft import Draft  # noqa: PLC0415
        from ..models.outline import Outline  # noqa: PLC0415
        from ..models.public_workflow import PublicWorkflow  # noqa: PLC0415
        from ..models.workflow_schedule import WorkflowSchedule  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        def _parse_active_version(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        active_version = _parse_active_version(d.pop("active_version"))

        def _parse_activated_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                activated_at_type_0 = datetime.datetime.fromisoformat(data)

                return activated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        activated_at = _parse_activated_at(d.pop("activated_at"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        draft = Draft.from_dict(d.pop("draft"))

        document = d.pop("document")

        def _parse_public(data: object) -> None | PublicWorkflow:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                public_type_0 = PublicWorkflow.from_dict(data)

                return public_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PublicWorkflow, data)

        public = _parse_public(d.pop("public"))

        schedules = []
        _schedules = d.pop("schedules")
        for schedules_item_data in _schedules:
            schedules_item = WorkflowSchedule.from_dict(schedules_item_data)

            schedules.append(schedules_item)

        problems = []
        _problems = d.pop("problems")
        for problems_item_data in _problems:
            problems_item = DocumentProblem.from_dict(problems_item_data)

            problems.append(problems_item)

        def _parse_outline(data: object) -> None | Outline:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                outline_type_0 = Outline.from_dict(data)

                return outline_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Outline, data)

        outline = _parse_outline(d.pop("outline"))

        workflow_document = cls(
            id=id,
            name=name,
            active_version=active_version,
            activated_at=activated_at,
            created_at=created_at,
            draft=draft,
            document=document,
            public=public,
            schedules=schedules,
            problems=problems,
            outline=outline,
        )

        workflow_document.additional_properties = d
        return workflow_document

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
