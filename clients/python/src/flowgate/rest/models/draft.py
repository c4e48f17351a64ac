from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Draft")


@_attrs_define
class Draft:
    """
    Attributes:
        etag (str):
        saved_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        saved_by (None | str): The id of the key that saved it. Null: the operator, or an earlier release.
    """

    etag: str
    saved_at: datetime.datetime
    saved_by: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        etag = self.etag

        saved_at = self.saved_at.isoformat()

        saved_by: None | str
        saved_by = self.saved_by

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "etag": etag,
                "saved_at": saved_at,
                "saved_by": saved_by,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        etag = d.pop("etag")

        saved_at = datetime.datetime.fromisoformat(d.pop("saved_at"))

        def _parse_saved_by(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        saved_by = _parse_saved_by(d.pop("saved_by"))

        draft = cls(
            etag=etag,
            saved_at=saved_at,
            saved_by=saved_by,
        )

        draft.additional_properties = d
        return draft

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
