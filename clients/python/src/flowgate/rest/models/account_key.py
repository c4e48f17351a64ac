from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="AccountKey")


@_attrs_define
class AccountKey:
    """The key of a service account, as Google's console gives it.

    Attributes:
        client_email (str):
        private_key (str): PKCS #8 as PEM.
        scope (str): With blanks between them.
        private_key_id (None | str | Unset):
        token_uri (None | str | Unset): Google's own if left out.
        subject (None | str | Unset): The person for whom the account acts.
    """

    client_email: str
    private_key: str
    scope: str
    private_key_id: None | str | Unset = UNSET
    token_uri: None | str | Unset = UNSET
    subject: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        client_email = self.client_email

        private_key = self.private_key

        scope = self.scope

        private_key_id: None | str | Unset
        if isinstance(self.private_key_id, Unset):
            private_key_id = UNSET
        else:
            private_key_id = self.private_key_id

        token_uri: None | str | Unset
        if isinstance(self.token_uri, Unset):
            token_uri = UNSET
        else:
            token_uri = self.token_uri

        subject: None | str | Unset
        if isinstance(self.subject, Unset):
            subject = UNSET
        else:
            subject = self.subject

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "client_email": client_email,
                "private_key": private_key,
                "scope": scope,
            }
        )
        if private_key_id is not UNSET:
            field_dict["private_key_id"] = private_key_id
        if token_uri is not UNSET:
            field_dict["token_uri"] = token_uri
        if subject is not UNSET:
            field_dict["subject"] = subject

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        client_email = d.pop("client_email")

        private_key = d.pop("private_key")

        scope = d.pop("scope")

        def _parse_private_key_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        private_key_id = _parse_private_key_id(d.pop("private_key_id", UNSET))

        def _parse_token_uri(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        token_uri = _parse_token_uri(d.pop("token_uri", UNSET))

        def _parse_subject(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        subject = _parse_subject(d.pop("subject", UNSET))

        account_key = cls(
            client_email=client_email,
            private_key=private_key,
            scope=scope,
            private_key_id=private_key_id,
            token_uri=token_uri,
            subject=subject,
        )

        return account_key
