from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.document_problem import DocumentProblem
    from ..models.draft import Draft
    from ..models.outline import Outline


T = TypeVar("T", bound="SavedDraft")


@_attrs_define
class SavedDraft:
    """A draft, and everything that is wrong with it.

    Attributes:
        id (str):
        name (str):
        problems (list[DocumentProblem]):
        outline (Outline): A document drawn up: its nodes, and what leads from one to another. At most 1 MiB.
        draft (Draft):
    """

    id: str
    name: str
    problems: list[DocumentProblem]
    outline: Outline
    draft: Draft
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        problems = []
        for problems_item_data in self.problems:
            problems_item = problems_item_data.to_dict()
            problems.append(problems_item)

        outline = self.outline.to_dict()

        draft = self.draft.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "problems": problems,
                "outline": outline,
                "draft": draft,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.document_problem import DocumentProblem  # noqa: PLC0415
        from ..models.draft import Draft  # noqa: PLC0415
        from ..models.outline import Outline  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        problems = []
        _problems = d.pop("problems")
        for problems_item_data in _problems:
            problems_item = DocumentProblem.from_dict(problems_item_data)

            problems.append(problems_item)

        outline = Outline.from_dict(d.pop("outline"))

        draft = Draft.from_dict(d.pop("draft"))

        saved_draft = cls(
            id=id,
            name=name,
            problems=problems,
            outline=outline,
            draft=draft,
        )

        saved_draft.additional_properties = d
        return saved_draft

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
