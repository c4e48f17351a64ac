from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.new_answer_data import NewAnswerData


T = TypeVar("T", bound="NewAnswer")


@_attrs_define
class NewAnswer:
    """An answer to a question of a run.

    Attributes:
        approved (bool):
        node (None | str | Unset): The node that asks. Required if the run asks several questions.
        data (NewAnswerData | Unset): The fields of the question; what is left out keeps its value.
    """

    approved: bool
    node: None | str | Unset = UNSET
    data: NewAnswerData | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        approved = self.approved

        node: None | str | Unset
        if isinstance(self.node, Unset):
            node = UNSET
        else:
            node = self.node

        data: dict[str, Any] | Unset = UNSET
        if not isinstance(self.data, Unset):
            data = self.data.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "approved": approved,
            }
        )
        if node is not UNSET:
            field_dict["node"] = node
        if data is not UNSET:
            field_dict["data"] = data

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.new_answer_data import NewAnswerData  # noqa: PLC0415

        d = dict(src_dict)
        approved = d.pop("approved")

        def _parse_node(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        node = _parse_node(d.pop("node", UNSET))

        _data = d.pop("data", UNSET)
        data: NewAnswerData | Unset
        if isinstance(_data, Unset):
            data = UNSET
        else:
            data = NewAnswerData.from_dict(_data)

        new_answer = cls(
            approved=approved,
            node=node,
            data=data,
        )

        return new_answer
