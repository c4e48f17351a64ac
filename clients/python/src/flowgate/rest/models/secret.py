from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.key_workflows_type_0 import KeyWorkflowsType0

if TYPE_CHECKING:
    from ..models.secret_login import SecretLogin


T = TypeVar("T", bound="Secret")


@_attrs_define
class Secret:
    """A secret, without its value.

    Attributes:
        name (str):
        updated_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        hosts (list[str]): The hosts that it may be sent to. If empty: the host that stands in the author's URL.
        workflows (KeyWorkflowsType0 | list[str] | None):
        login (None | SecretLogin):
    """

    name: str
    updated_at: datetime.datetime
    hosts: list[str]
    workflows: KeyWorkflowsType0 | list[str] | None
    login: None | SecretLogin
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.secret_login import SecretLogin  # noqa: PLC0415

        name = self.name

        updated_at = self.updated_at.isoformat()

        hosts = self.hosts

        workflows: list[str] | None | str
        if isinstance(self.workflows, KeyWorkflowsType0):
            workflows = self.workflows.value
        elif isinstance(self.workflows, list):
            workflows = self.workflows

        else:
            workflows = self.workflows

        login: dict[str, Any] | None
        if isinstance(self.login, SecretLogin):
            login = self.login.to_dict()
        else:
            login = self.login

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "updated_at": updated_at,
                "hosts": hosts,
                "workflows": workflows,
                "login": login,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.secret_login import SecretLogin  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        hosts = cast(list[str], d.pop("hosts"))

        def _parse_workflows(data: object) -> KeyWorkflowsType0 | list[str] | None:
            if data is None:
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
            return cast(KeyWorkflowsType0 | list[str] | None, data)

        workflows = _parse_workflows(d.pop("workflows"))

        def _parse_login(data: object) -> None | SecretLogin:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                login_type_0 = SecretLogin.from_dict(data)

                return login_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SecretLogin, data)

        login = _parse_login(d.pop("login"))

        secret = cls(
            name=name,
            updated_at=updated_at,
            hosts=hosts,
            workflows=workflows,
            login=login,
        )

        secret.additional_properties = d
        return secret

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
