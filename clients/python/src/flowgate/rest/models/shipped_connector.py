from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ShippedConnector")


@_attrs_define
class ShippedConnector:
    """A vendor whose operations are kinds of nodes.

    Attributes:
        name (str):
        summary (str):
        docs (str): The vendor's documentation.
        secret (str): The secret that its nodes use where they name none.
        has_login (bool): Whether somebody can log in with a browser.
        scopes (list[str]): What a login asks for.
    """

    name: str
    summary: str
    docs: str
    secret: str
    has_login: bool
    scopes: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        summary = self.summary

        docs = self.docs

        secret = self.secret

        has_login = self.has_login

        scopes = self.scopes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "summary": summary,
                "docs": docs,
                "secret": secret,
                "has_login": has_login,
                "scopes": scopes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        summary = d.pop("summary")

        docs = d.pop("docs")

        secret = d.pop("secret")

        has_login = d.pop("has_login")

        scopes = cast(list[str], d.pop("scopes"))

        shipped_connector = cls(
            name=name,
            summary=summary,
            docs=docs,
            secret=secret,
            has_login=has_login,
            scopes=scopes,
        )

        shipped_connector.additional_properties = d
        return shipped_connector

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
