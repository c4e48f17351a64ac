from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.body_shape import BodyShape
from ..models.client_place import ClientPlace
from ..types import UNSET, Unset

T = TypeVar("T", bound="RefreshedClient")


@_attrs_define
class RefreshedClient:
    """A client of a vendor, with the refresh token that it was given.

    Attributes:
        client_id (str):
        refresh_token (str):
        connector (None | str | Unset): A connector whose login is OAuth 2: gives the fields that are left out.
        token_url (None | str | Unset):
        client_secret (None | str | Unset): Public clients have none.
        scope (None | str | Unset): Sent with each renewal. Most vendors need none.
        client (ClientPlace | None | Unset):
        body (BodyShape | None | Unset):
    """

    client_id: str
    refresh_token: str
    connector: None | str | Unset = UNSET
    token_url: None | str | Unset = UNSET
    client_secret: None | str | Unset = UNSET
    scope: None | str | Unset = UNSET
    client: ClientPlace | None | Unset = UNSET
    body: BodyShape | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        client_id = self.client_id

        refresh_token = self.refresh_token

        connector: None | str | Unset
        if isinstance(self.connector, Unset):
            connector = UNSET
        else:
            connector = self.connector

        token_url: None | str | Unset
        if isinstance(self.token_url, Unset):
            token_url = UNSET
        else:
            token_url = self.token_url

        client_secret: None | str | Unset
        if isinstance(self.client_secret, Unset):
            client_secret = UNSET
        else:
            client_secret = self.client_secret

        scope: None | str | Unset
        if isinstance(self.scope, Unset):
            scope = UNSET
        else:
            scope = self.scope

        client: None | str | Unset
        if isinstance(self.client, Unset):
            client = UNSET
        elif isinstance(self.client, ClientPlace):
            client = self.client.value
        else:
            client = self.client

        body: None | str | Unset
        if isinstance(self.body, Unset):
            body = UNSET
        elif isinstance(self.body, BodyShape):
            body = self.body.value
        else:
            body = self.body

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "client_id": client_id,
                "refresh_token": refresh_token,
            }
        )
        if connector is not UNSET:
            field_dict["connector"] = connector
        if token_url is not UNSET:
            field_dict["token_url"] = token_url
        if client_secret is not UNSET:
            field_dict["client_secret"] = client_secret
        if scope is not UNSET:
            field_dict["scope"] = scope
        if client is not UNSET:
            field_dict["client"] = client
        if body is not UNSET:
            field_dict["body"] = body

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        client_id = d.pop("client_id")

        refresh_token = d.pop("refresh_token")

        def _parse_connector(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        connector = _parse_connector(d.pop("connector", UNSET))

        def _parse_token_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        token_url = _parse_token_url(d.pop("token_url", UNSET))

        def _parse_client_secret(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        client_secret = _parse_client_secret(d.pop("client_secret", UNSET))

        def _parse_scope(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        scope = _parse_scope(d.pop("scope", UNSET))

        def _parse_client(data: object) -> ClientPlace | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                client_type_0 = ClientPlace(data)

                return client_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ClientPlace | None | Unset, data)

        client = _parse_client(d.pop("client", UNSET))

        def _parse_body(data: object) -> BodyShape | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                body_type_0 = BodyShape(data)

                return body_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BodyShape | None | Unset, data)

        body = _parse_body(d.pop("body", UNSET))

        refreshed_client = cls(
            client_id=client_id,
            refresh_token=refresh_token,
            connector=connector,
            token_url=token_url,
            client_secret=client_secret,
            scope=scope,
            client=client,
            body=body,
        )

        return refreshed_client
