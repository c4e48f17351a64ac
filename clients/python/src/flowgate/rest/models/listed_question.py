from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.question_field import QuestionField


T = TypeVar("T", bound="ListedQuestion")


@_attrs_define
class ListedQuestion:
    """A question, and the run that asks it.

    Attributes:
        node (str): The path of the node that asks: inside a loop, `each[2]/check`.
        message (str):
        fields (list[QuestionField] | None): What an answer may hold. Null: any object.
        asked_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        expires_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        run_id (str):
        workflow_id (str):
        workflow_name (str):
        link (str | Unset): A page where a person without a key answers this question. Left out for callers without the
            scope `run`.
    """

    node: str
    message: str
    fields: list[QuestionField] | None
    asked_at: datetime.datetime
    expires_at: datetime.datetime
    run_id: str
    workflow_id: str
    workflow_name: str
    link: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        node = self.node

        message = self.message

        fields: list[dict[str, Any]] | None
        if isinstance(self.fields, list):
            fields = []
            for fields_type_0_item_data in self.fields:
                fields_type_0_item = fields_type_0_item_data.to_dict()
                fields.append(fields_type_0_item)

        else:
            fields = self.fields

        asked_at = self.asked_at.isoformat()

        expires_at = self.expires_at.isoformat()

        run_id = self.run_id

        workflow_id = self.workflow_id

        workflow_name = self.workflow_name

        link = self.link

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "node": node,
                "message": message,
                "fields": fields,
                "asked_at": asked_at,
                "expires_at": expires_at,
                "run_id": run_id,
                "workflow_id": workflow_id,
                "workflow_name": workflow_name,
            }
        )
        if link is not UNSET:
            field_dict["link"] = link

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.question_field import QuestionField  # noqa: PLC0415

        d = dict(src_dict)
        node = d.pop("node")

        message = d.pop("message")

        def _parse_fields(data: object) -> list[QuestionField] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                fields_type_0 = []
                _fields_type_0 = data
                for fields_type_0_item_data in _fields_type_0:
                    fields_type_0_item = QuestionField.from_dict(
                        fields_type_0_item_data
                    )

                    fields_type_0.append(fields_type_0_item)

                return fields_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[QuestionField] | None, data)

        fields = _parse_fields(d.pop("fields"))

        asked_at = datetime.datetime.fromisoformat(d.pop("asked_at"))

        expires_at = datetime.datetime.fromisoformat(d.pop("expires_at"))

        run_id = d.pop("run_id")

        workflow_id = d.pop("workflow_id")

        workflow_name = d.pop("workflow_name")

        link = d.pop("link", UNSET)

        listed_question = cls(
            node=node,
            message=message,
            fields=fields,
            asked_at=asked_at,
            expires_at=expires_at,
            run_id=run_id,
            workflow_id=workflow_id,
            workflow_name=workflow_name,
            link=link,
        )

        listed_question.additional_properties = d
        return listed_question

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
