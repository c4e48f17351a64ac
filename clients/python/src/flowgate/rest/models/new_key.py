from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.key_scope import KeyScope
from ..models.key_workflows_type_0 import KeyWorkflowsType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.new_key_budget import NewKeyBudget
    from ..models.new_key_limits import NewKeyLimits


T = TypeVar("T", bound="NewKey")


@_attrs_define
class NewKey:
    """A key to be made.

    Attributes:
        name (str):
        workflows (KeyWorkflowsType0 | list[str]): The ids of the workflows that a key is good for, or `"*"` for all.
        scopes (list[KeyScope] | Unset): By default what callers need.
        expires_at (datetime.datetime | None | Unset):
        limits (NewKeyLimits | None | Unset):
        budget (NewKeyBudget | None | Unset):
        origins (list[str] | Unset): Pages of these origins may read answers to the key in a browser, such as
            `https://app.example.com`.
    """

    name: str
    workflows: KeyWorkflowsType0 | list[str]
    scopes: list[KeyScope] | Unset = UNSET
    expires_at: datetime.datetime | None | Unset = UNSET
    limits: NewKeyLimits | None | Unset = UNSET
    budget: NewKeyBudget | None | Unset = UNSET
    origins: list[str] | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.new_key_budget import NewKeyBudget  # noqa: PLC0415
        from ..models.new_key_limits import NewKeyLimits  # noqa: PLC0415

        name = self.name

        workflows: list[str] | str
        if isinstance(self.workflows, KeyWorkflowsType0):
            workflows = self.workflows.value
        else:
            workflows = self.workflows

        scopes: list[str] | Unset = UNSET
        if not isinstance(self.scopes, Unset):
            scopes = []
            for scopes_item_data in self.scopes:
                scopes_item = scopes_item_data.value
                scopes.append(scopes_item)

        expires_at: None | str | Unset
        if isinstance(self.expires_at, Unset):
            expires_at = UNSET
        elif isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        limits: dict[str, Any] | None | Unset
        if isinstance(self.limits, Unset):
            limits = UNSET
        elif isinstance(self.limits, NewKeyLimits):
            limits = self.limits.to_dict()
        else:
            limits = self.limits

        budget: dict[str, Any] | None | Unset
        if isinstance(self.budget, Unset):
            budget = UNSET
        elif isinstance(self.budget, NewKeyBudget):
            budget = self.budget.to_dict()
        else:
            budget = self.budget

        origins: list[str] | Unset = UNSET
        if not isinstance(self.origins, Unset):
            origins = self.origins

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "name": name,
                "workflows": workflows,
            }
        )
        if scopes is not UNSET:
            field_dict["scopes"] = scopes
        if expires_at is not UNSET:
            field_dict["expires_at"] = expires_at
        if limits is not UNSET:
            field_dict["limits"] = limits
        if budget is not UNSET:
            field_dict["budget"] = budget
        if origins is not UNSET:
            field_dict["origins"] = origins

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.new_key_budget import NewKeyBudget  # noqa: PLC0415
        from ..models.new_key_limits import NewKeyLimits  # noqa: PLC0415

        d = dict(src_dict)
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

        _scopes = d.pop("scopes", UNSET)
        scopes: list[KeyScope] | Unset = UNSET
        if _scopes is not UNSET:
            scopes = []
            for scopes_item_data in _scopes:
                scopes_item = KeyScope(scopes_item_data)

                scopes.append(scopes_item)

        def _parse_expires_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        expires_at = _parse_expires_at(d.pop("expires_at", UNSET))

        def _parse_limits(data: object) -> NewKeyLimits | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                limits_type_0 = NewKeyLimits.from_dict(data)

                return limits_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(NewKeyLimits | None | Unset, data)

        limits = _parse_limits(d.pop("limits", UNSET))

        def _parse_budget(data: object) -> NewKeyBudget | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                budget_type_0 = NewKeyBudget.from_dict(data)

                return budget_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(NewKeyBudget | None | Unset, data)

        budget = _parse_budget(d.pop("budget", UNSET))

        origins = cast(list[str], d.pop("origins", UNSET))

        new_key = cls(
            name=name,
            workflows=workflows,
            scopes=scopes,
            expires_at=expires_at,
            limits=limits,
            budget=budget,
            origins=origins,
        )

        return new_key
