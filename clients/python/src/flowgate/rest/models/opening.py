from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="Opening")


@_attrs_define
class Opening:
    """Who callers without a key are.

    Attributes:
        key_id (str): The id of a key that may run the workflow. Its limits, budget and origins are theirs.
    """

    key_id: str

    def to_dict(self) -> dict[str, Any]:
        key_id = self.key_id

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "key_id": key_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        key_id = d.pop("key_id")

        opening = cls(
            key_id=key_id,
        )

        return opening
