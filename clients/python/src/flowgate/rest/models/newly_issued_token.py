from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="NewlyIssuedToken")


@_attrs_define
class NewlyIssuedToken:
    """A new token.

    Attributes:
        token (str): For `Authorization: Bearer`, or for `?token=` of a GET request.
        workflow_id (str):
        scopes (list[str]):
        expires_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        run_id (str | Unset): Left out if the token is for the workflow.
    """

    token: str
    workflow_id: str
    scopes: list[str]
    expires_at: datetime.datetime
    run_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        token = self.token

        workflow_id = self.workflow_id

        scopes = self.scopes

        expires_at = self.expires_at.isoformat()

        run_id = self.run_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "token": token,
                "workflow_id": workflow_id,
                "scopes": scopes,
                "expires_at": expires_at,
            }
        )
        if run_id is not UNSET:
            field_dict["run_id"] = run_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        token = d.pop("token")

        workflow_id = d.pop("workflow_id")

        scopes = cast(list[str], d.pop("scopes"))

        expires_at = datetime.datetime.fromisoformat(d.pop("expires_at"))

        run_id = d.pop("run_id", UNSET)

        newly_issued_token = cls(
            token=token,
            workflow_id=workflow_id,
            scopes=scopes,
            expires_at=expires_at,
            run_id=run_id,
        )

        newly_issued_token.additional_properties = d
        return newly_issued_token

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
