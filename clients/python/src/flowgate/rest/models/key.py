from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.key_scope import KeyScope
from ..models.key_workflows_type_0 import KeyWorkflowsType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.key_budget import KeyBudget
    from ..models.key_limits import KeyLimits
    from ..models.last_refused import LastRefused


T = TypeVar("T", bound="Key")


@_attrs_define
class Key:
    """An API key, without the key itself.

    Attributes:
        id (str):
        name (str):
        workflows (KeyWorkflowsType0 | list[str]): The ids of the workflows that a key is good for, or `"*"` for all.
        scopes (list[KeyScope]):
        created_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        expires_at (datetime.datetime | None):
        limits (KeyLimits | None):
        budget (KeyBudget | None):
        ends_at (datetime.datetime | None):
        rotated_from (None | str): The key that it follows.
        last_used_at (datetime.datetime | None):
        last_refused (LastRefused | None):
        origins (list[str] | Unset): Pages of these origins may read answers to the key in a browser. Left out if there
            are none.
    """

    id: str
    name: str
    workflows: KeyWorkflowsType0 | list[str]
    scopes: list[KeyScope]
    created_at: datetime.datetime
    expires_at: datetime.datetime | None
    limits: KeyLimits | None
    budget: KeyBudget | None
    ends_at: datetime.datetime | None
    rotated_from: None | str
    last_used_at: datetime.datetime | None
    last_refused: LastRefused | None
    origins: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.key_budget import KeyBudget  # noqa: PLC0415
        from ..models.key_limits import KeyLimits  # noqa: PLC0415
        from ..models.last_refused import LastRefused  # noqa: PLC0415

        id = self.id

        name = self.name

        workflows: list[str] | str
        if isinstance(self.workflows, KeyWorkflowsType0):
            workflows = self.workflows.value
        else:
            workflows = self.workflows

        scopes = []
        for scopes_item_data in self.scopes:
            scopes_item = scopes_item_data.value
            scopes.append(scopes_item)

        created_at = self.created_at.isoformat()

        expires_at: None | str
        if isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        limits: dict[str, Any] | None
        if isinstance(self.limits, KeyLimits):
            limits = self.limits.to_dict()
        else:
            limits = self.limits

        budget: dict[str, Any] | None
        if isinstance(self.budget, KeyBudget):
            budget = self.budget.to_dict()
        else:
            budget = self.budget

        ends_at: None | str
        if isinstance(self.ends_at, datetime.datetime):
            ends_at = self.ends_at.isoformat()
        else:
            ends_at = self.ends_at

        rotated_from: None | str
        rotated_from = self.rotated_from

        last_used_at: None | str
        if isinstance(self.last_used_at, datetime.datetime):
            last_used_at = self.last_used_at.isoformat()
        else:
            last_used_at = self.last_used_at

        last_refused: dict[str, Any] | None
        if isinstance(self.last_refused, LastRefused):
            last_refused = self.last_refused.to_dict()
        else:
            last_refused = self.last_refused

        origins: list[str] | Unset = UNSET
        if not isinstance(self.origins, Unset):
            origins = self.origins

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "workflows": workflows,
                "scopes": scopes,
                "created_at": created_at,
                "expires_at": expires_at,
                "limits": limits,
                "budget": budget,
                "ends_at": ends_at,
                "rotated_from": rotated_from,
                "last_used_at": last_used_at,
                "last_refused": last_refused,
            }
        )
        if origins is not UNSET:
            field_dict["origins"] = origins

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.key_budget import KeyBudget  # noqa: PLC0415
        from ..models.key_limits import KeyLimits  # noqa: PLC0415
        from ..models.last_refused import LastRefused  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        def _parse_workflows(data: object) -> KeyWorkflowsType0 | list[str]:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                componentsschemas_key_workflows_type_0 = KeyWorkflowsType0(data)

                return componentsschemas_key_workflows_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, list):
                raise TypeError()
            componentsschemas_key_workflows_type_1 = cast(list[str], data)

            return componentsschemas_key_workflows_type_1

        workflows = _parse_workflows(d.pop("workflows"))

        scopes = []
        _scopes = d.pop("scopes")
        for scopes_item_data in _scopes:
            scopes_item = KeyScope(scopes_item_data)

            scopes.append(scopes_item)

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_expires_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        expires_at = _parse_expires_at(d.pop("expires_at"))

        def _parse_limits(data: object) -> KeyLimits | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                limits_type_0 = KeyLimits.from_dict(data)

                return limits_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KeyLimits | None, data)

        limits = _parse_limits(d.pop("limits"))

        def _parse_budget(data: object) -> KeyBudget | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                budget_type_0 = KeyBudget.from_dict(data)

                return budget_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(KeyBudget | None, data)

        budget = _parse_budget(d.pop("budget"))

        def _parse_ends_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ends_at_type_0 = datetime.datetime.fromisoformat(data)

                return ends_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        ends_at = _parse_ends_at(d.pop("ends_at"))

        def _parse_rotated_from(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        rotated_from = _parse_rotated_from(d.pop("rotated_from"))

        def _parse_last_used_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_used_at_type_0 = datetime.datetime.fromisoformat(data)

                return last_used_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_used_at = _parse_last_used_at(d.pop("last_used_at"))

        def _parse_last_refused(data: object) -> LastRefused | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                last_refused_type_0 = LastRefused.from_dict(data)

                return last_refused_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(LastRefused | None, data)

        last_refused = _parse_last_refused(d.pop("last_refused"))

        origins = cast(list[str], d.pop("origins", UNSET))

        key = cls(
            id=id,
            name=name,
            workflows=workflows,
            scopes=scopes,
            created_at=created_at,
            expires_at=expires_at,
            limits=limits,
            budget=budget,
            ends_at=ends_at,
            rotated_from=rotated_from,
            last_used_at=last_used_at,
            last_refused=last_refused,
            origins=origins,
        )

        key.additional_properties = d
        return key

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
