from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.outline import Outline


T = TypeVar("T", bound="VersionDocument")


@_attrs_define
class VersionDocument:
    """A version with its text.

    Attributes:
        workflow_id (str):
        version (str):
        hash_ (str): Of its document.
        notes (None | str):
        published_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        active (bool): Callers run it.
        secrets (list[str] | None): The secrets that it uses, a model's own key included. Null for versions of earlier
            releases.
        published_by (None | str): The id of the key that published it. Null: the operator, or an earlier release.
        document (str): YAML or JSON, as its author wrote it.
        outline (None | Outline):
    """

    workflow_id: str
    version: str
    hash_: str
    notes: None | str
    published_at: datetime.datetime
    active: bool
    secrets: list[str] | None
    published_by: None | str
    document: str
    outline: None | Outline
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.outline import Outline  # noqa: PLC0415

        workflow_id = self.workflow_id

        version = self.version

        hash_ = self.hash_

        notes: None | str
        notes = self.notes

        published_at = self.published_at.isoformat()

        active = self.active

        secrets: list[str] | None
        if isinstance(self.secrets, list):
            secrets = self.secrets

        else:
            secrets = self.secrets

        published_by: None | str
        published_by = self.published_by

        document = self.document

        outline: dict[str, Any] | None
        if isinstance(self.outline, Outline):
            outline = self.outline.to_dict()
        else:
            outline = self.outline

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "workflow_id": workflow_id,
                "version": version,
                "hash": hash_,
                "notes": notes,
                "published_at": published_at,
                "active": active,
                "secrets": secrets,
                "published_by": published_by,
                "document": document,
                "outline": outline,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.outline import Outline  # noqa: PLC0415

        d = dict(src_dict)
        workflow_id = d.pop("workflow_id")

        version = d.pop("version")

        hash_ = d.pop("hash")

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        published_at = datetime.datetime.fromisoformat(d.pop("published_at"))

        active = d.pop("active")

        def _parse_secrets(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                secrets_type_0 = cast(list[str], data)

                return secrets_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        secrets = _parse_secrets(d.pop("secrets"))

        def _parse_published_by(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        published_by = _parse_published_by(d.pop("published_by"))

        document = d.pop("document")

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

        version_document = cls(
            workflow_id=workflow_id,
            version=version,
            hash_=hash_,
            notes=notes,
            published_at=published_at,
            active=active,
            secrets=secrets,
            published_by=published_by,
            document=document,
            outline=outline,
        )

        version_document.additional_properties = d
        return version_document

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
