from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.key_workflows_type_0 import KeyWorkflowsType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.account_key import AccountKey
    from ..models.refreshed_client import RefreshedClient


T = TypeVar("T", bound="SecretValue")


@_attrs_define
class SecretValue:
    """The value of a secret: `value`, `oauth2` or `service_account`.

    Attributes:
        value (None | str | Unset):
        oauth2 (None | RefreshedClient | Unset):
        service_account (AccountKey | None | Unset):
        hosts (list[str] | None | Unset): The hosts that it may be sent to: `api.example.com`, `localhost:8080`,
            `*.example.com`.
            Without them: the host that stands in the author's URL.
        workflows (KeyWorkflowsType0 | list[str] | None | Unset):
    """

    value: None | str | Unset = UNSET
    oauth2: None | RefreshedClient | Unset = UNSET
    service_account: AccountKey | None | Unset = UNSET
    hosts: list[str] | None | Unset = UNSET
    workflows: KeyWorkflowsType0 | list[str] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.account_key import AccountKey  # noqa: PLC0415
        from ..models.refreshed_client import RefreshedClient  # noqa: PLC0415

        value: None | str | Unset
        if isinstance(self.value, Unset):
            value = UNSET
        else:
            value = self.value

        oauth2: dict[str, Any] | None | Unset
        if isinstance(self.oauth2, Unset):
            oauth2 = UNSET
        elif isinstance(self.oauth2, RefreshedClient):
            oauth2 = self.oauth2.to_dict()
        else:
            oauth2 = self.oauth2

        service_account: dict[str, Any] | None | Unset
        if isinstance(self.service_account, Unset):
            service_account = UNSET
        elif isinstance(self.service_account, AccountKey):
            service_account = self.service_account.to_dict()
        else:
            service_account = self.service_account

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

        field_dict.update({})
        if value is not UNSET:
            field_dict["value"] = value
        if oauth2 is not UNSET:
            field_dict["oauth2"] = oauth2
        if service_account is not UNSET:
            field_dict["service_account"] = service_account
        if hosts is not UNSET:
            field_dict["hosts"] = hosts
        if workflows is not UNSET:
            field_dict["workflows"] = workflows

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.account_key import AccountKey  # noqa: PLC0415
        from ..models.refreshed_client import RefreshedClient  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_value(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        value = _parse_value(d.pop("value", UNSET))

        def _parse_oauth2(data: object) -> None | RefreshedClient | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                oauth2_type_0 = RefreshedClient.from_dict(data)

                return oauth2_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | RefreshedClient | Unset, data)

        oauth2 = _parse_oauth2(d.pop("oauth2", UNSET))

        def _parse_service_account(data: object) -> AccountKey | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                service_account_type_0 = AccountKey.from_dict(data)

                return service_account_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AccountKey | None | Unset, data)

        service_account = _parse_service_account(d.pop("service_account", UNSET))

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

        secret_value = cls(
            value=value,
            oauth2=oauth2,
            service_account=service_account,
            hosts=hosts,
            workflows=workflows,
        )

        return secret_value
