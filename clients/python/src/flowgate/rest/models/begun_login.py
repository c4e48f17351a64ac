from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="BegunLogin")


@_attrs_define
class BegunLogin:
    """A login that has begun.

    Attributes:
        url (str): Where the person logs in. Whoever has it can end the login.
        redirect_uri (str): What the vendor must know as an address that it may send people back to.
        ends_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
    """

    url: str
    redirect_uri: str
    ends_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        redirect_uri = self.redirect_uri

        ends_at = self.ends_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "url": url,
                "redirect_uri": redirect_uri,
                "ends_at": ends_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        url = d.pop("url")

        redirect_uri = d.pop("redirect_uri")

        ends_at = datetime.datetime.fromisoformat(d.pop("ends_at"))

        begun_login = cls(
            url=url,
            redirect_uri=redirect_uri,
            ends_at=ends_at,
        )

        begun_login.additional_properties = d
        return begun_login

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
