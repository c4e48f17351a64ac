from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.body_shape import BodyShape
from ..models.client_place import ClientPlace
from ..models.key_workflows_type_0 import KeyWorkflowsType0
from ..types import UNSET, Unset

T = TypeVar("T", bound="BrowserLogin")


@_attrs_define
class BrowserLogin:
    """Starts a login in a browser.

    Attributes:
        client_id (str):
        connector (None | str | Unset): A connector whose login is OAuth 2: gives the fields that are left out.
        authorize_url (None | str | Unset):
        token_url (None | str | Unset):
        client_secret (None | str | Unset): Public clients have none.
        scope (None | str | Unset): What the person is asked for, with blanks between.
        client (ClientPlace | None | Unset):
        body (BodyShape | None | Unset):
        pkce (bool | None | Unset): Whether the vendor knows PKCE (RFC 7636). Left out: as the connector says; else it
            does.
        hosts (list[str] | None | Unset): As of a secret.
        workflows (KeyWorkflowsType0 | list[str] | None | Unset):
    """

    client_id: str
    connector: None | str | Unset = UNSET
    authorize_url: None | str | Unset = UNSET
    token_url: None | str | Unset = UNSET
    client_secret: None | str | Unset = UNSET
    scope: None | str | Unset = UNSET
    client: ClientPlace | None | Unset = UNSET
    body: BodyShape | None | Unset = UNSET
    pkce: bool | None | Unset = UNSET
    hosts: list[str] | None | Unset = UNSET
    workflows: KeyWorkflowsType0 | list[str] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        client_id = self.client_id

        connector: None | str | Unset
        if isinstance(self.connector, Unset):
            connector = UNSET
        else:
            connector = self.connector

        authorize_url: None | str | Unset
        if isinstance(self.authorize_url, Unset):
            authorize_url = UNSET
        else:
            authorize_url = self.authorize_url

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

        pkce: bool | None | Unset
        if isinstance(self.pkce, Unset):
            pkce = UNSET
        else:
            pkce = self.pkce

        hosts: list[str] | None | Unset
        if isinstance(self.hosts, Unset):
            hosts = UNSET
        elif isinstance(self.hosts, list):
            hosts = self.hosts

        else:
            hosts = self.hosts

        workflows: list[str] | None | str | Unset
        if isinstance(self.workflows, Unset):
            workflows = UNSET
        elif isinstance(self.workflows, KeyWorkflowsType0):
            workflows = self.workflows.value
        elif isinstance(self.workflows, list):
            workflows = self.workflows

        else:
            workflows = self.workflows

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "client_id": client_id,
            }
        )
        if connector is not UNSET:
            field_dict["connector"] = connector
        if authorize_url is not UNSET:
            field_dict["authorize_url"] = authorize_url
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
        if pkce is not UNSET:
            field_dict["pkce"] = pkce
        if hosts is not UNSET:
            field_dict["hosts"] = hosts
        if workflows is not UNSET:
            field_dict["workflows"] = workflows

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        client_id = d.pop("client_id")

        def _parse_connector(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        connector = _parse_connector(d.pop("connector", UNSET))

        def _parse_authorize_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        authorize_url = _parse_authorize_url(d.pop("authorize_url", UNSET))

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

        def _parse_pkce(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        pkce = _parse_pkce(d.pop("pkce", UNSET))

        def _parse_hosts(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                hosts_type_0 = cast(list[str], data)

                return hosts_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        hosts = _parse_hosts(d.pop("hosts", UNSET))

        def _parse_workflows(
            data: object,
        ) -> KeyWorkflowsType0 | list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_key_workflows_type_0 = KeyWorkflowsType0(data)

                return componentsschemas_key_workflows_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            try:
                if not isinstance(data, list):
                    raise TypeError()
                componentsschemas_key_workflows_type_1 = cast(list[str], data)

                return componentsschemas_key_workflows_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KeyWorkflowsType0 | list[str] | None | Unset, data)

        workflows = _parse_workflows(d.pop("workflows", UNSET))

        browser_login = cls(
            client_id=client_id,
            connector=connector,
            authorize_url=authorize_url,
            token_url=token_url,
            client_secret=client_secret,
            scope=scope,
            client=client,
            body=body,
            pkce=pkce,
            hosts=hosts,
            workflows=workflows,
        )

        return browser_login
