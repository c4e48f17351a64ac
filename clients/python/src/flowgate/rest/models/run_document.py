from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.outline import Outline


T = TypeVar("T", bound="RunDocument")


@_attrs_define
class RunDocument:
    """What a run runs.

    Attributes:
        workflow_id (str):
        version (str): The version that the run started with; `draft` for a draft.
        document (str): As its author wrote it: of a draft, the text that the run tries.
        outline (None | Outline):
    """

    workflow_id: str
    version: str
    document: str
    outline: None | Outline
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.outline import Outline  # noqa: PLC0415

        workflow_id = self.workflow_id

        version = self.version

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

        run_document = cls(
            workflow_id=workflow_id,
            version=version,
            document=document,
            outline=outline,
        )

        run_document.additional_properties = d
        return run_document

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
