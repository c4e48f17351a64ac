from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Keyring")


@_attrs_define
class Keyring:
    """The versions that the keyring uses from now on.

    Attributes:
        pepper (int): Hashes new API keys.
        master (int): Derives the signing secrets of workflows that are created or whose secret is rotated.
        seal (int): Seals the header values of callers' webhooks.
    """

    pepper: int
    master: int
    seal: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        pepper = self.pepper

        master = self.master

        seal = self.seal

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "pepper": pepper,
                "master": master,
                "seal": seal,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        pepper = d.pop("pepper")

        master = d.pop("master")

        seal = d.pop("seal")

        keyring = cls(
            pepper=pepper,
            master=master,
            seal=seal,
        )

        keyring.additional_properties = d
        return keyring

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
