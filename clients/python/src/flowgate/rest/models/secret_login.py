from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.login_kind import LoginKind

T = TypeVar("T", bound="SecretLogin")


@_attrs_define
class SecretLogin:
    """A secret whose value is an access token that is renewed.

    Attributes:
        kind (LoginKind):
        token_host (None | str): The host of the token URL.
        logged_in_at (datetime.datetime | None):
        renewed_at (datetime.datetime | None):
        access_ends_at (datetime.datetime | None):
        expired_at (datetime.datetime | None):
        expired_reason (None | str): The vendor's word for it.
    """

    kind: LoginKind
    token_host: None | str
    logged_in_at: datetime.datetime | None
    renewed_at: datetime.datetime | None
    access_ends_at: datetime.datetime | None
    expired_at: datetime.datetime | None
    expired_reason: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        kind = self.kind.value

        token_host: None | str
        token_host = self.token_host

        logged_in_at: None | str
        if isinstance(self.logged_in_at, datetime.datetime):
            logged_in_at = self.logged_in_at.isoformat()
        else:
            logged_in_at = self.logged_in_at

        renewed_at: None | str
        if isinstance(self.renewed_at, datetime.datetime):
            renewed_at = self.renewed_at.isoformat()
        else:
            renewed_at = self.renewed_at

        access_ends_at: None | str
        if isinstance(self.access_ends_at, datetime.datetime):
            access_ends_at = self.access_ends_at.isoformat()
        else:
            access_ends_at = self.access_ends_at

        expired_at: None | str
        if isinstance(self.expired_at, datetime.datetime):
            expired_at = self.expired_at.isoformat()
        else:
            expired_at = self.expired_at

        expired_reason: None | str
        expired_reason = self.expired_reason

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "kind": kind,
                "token_host": token_host,
                "logged_in_at": logged_in_at,
                "renewed_at": renewed_at,
                "access_ends_at": access_ends_at,
                "expired_at": expired_at,
                "expired_reason": expired_reason,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        kind = LoginKind(d.pop("kind"))

        def _parse_token_host(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        token_host = _parse_token_host(d.pop("token_host"))

        def _parse_logged_in_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                logged_in_at_type_0 = datetime.datetime.fromisoformat(data)

                return logged_in_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        logged_in_at = _parse_logged_in_at(d.pop("logged_in_at"))

        def _parse_renewed_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                renewed_at_type_0 = datetime.datetime.fromisoformat(data)

                return renewed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        renewed_at = _parse_renewed_at(d.pop("renewed_at"))

        def _parse_access_ends_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                access_ends_at_type_0 = datetime.datetime.fromisoformat(data)

                return access_ends_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        access_ends_at = _parse_access_ends_at(d.pop("access_ends_at"))

        def _parse_expired_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expired_at_type_0 = datetime.datetime.fromisoformat(data)

                return expired_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        expired_at = _parse_expired_at(d.pop("expired_at"))

        def _parse_expired_reason(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        expired_reason = _parse_expired_reason(d.pop("expired_reason"))

        secret_login = cls(
            kind=kind,
            token_host=token_host,
            logged_in_at=logged_in_at,
            renewed_at=renewed_at,
            access_ends_at=access_ends_at,
            expired_at=expired_at,
            expired_reason=expired_reason,
        )

        secret_login.additional_properties = d
        return secret_login

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
