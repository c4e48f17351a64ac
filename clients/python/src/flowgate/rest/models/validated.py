from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.document_problem import DocumentProblem
    from ..models.outline import Outline


T = TypeVar("T", bound="Validated")


@_attrs_define
class Validated:
    """What is known of a document that is not stored.

    Attributes:
        name (str): Empty where the document has none.
        problems (list[DocumentProblem]):
        outline (None | Outline | Unset):
    """

    name: str
    problems: list[DocumentProblem]
    outline: None | Outline | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.outline import Outline  # noqa: PLC0415

        name = self.name

        problems = []
        for problems_item_data in self.problems:
            problems_item = problems_item_data.to_dict()
            problems.append(problems_item)

        outline: dict[str, Any] | None | Unset
        if isinstance(self.outline, Unset):
            outline = UNSET
        elif isinstance(self.outline, Outline):
            outline = self.outline.to_dict()
        else:
            outline = self.outline

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "problems": problems,
            }
        )
        if outline is not UNSET:
            field_dict["outline"] = outline

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.document_problem import DocumentProblem  # noqa: PLC0415
        from ..models.outline import Outline  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        problems = []
        _problems = d.pop("problems")
        for problems_item_data in _problems:
            problems_item = DocumentProblem.from_dict(problems_item_data)

            problems.append(problems_item)

        def _parse_outline(data: object) -> None | Outline | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                outline_type_0 = Outline.from_dict(data)

                return outline_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Outline | Unset, data)

        outline = _parse_outline(d.pop("outline", UNSET))

        validated = cls(
            name=name,
            problems=problems,
            outline=outline,
        )

        validated.additional_properties = d
        return validated

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
