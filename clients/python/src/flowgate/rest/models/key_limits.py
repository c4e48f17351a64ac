from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="KeyLimits")


@_attrs_define
class KeyLimits:
    """How many runs a key may start.

    Attributes:
        requests_per_minute (int):
        burst (int):
        concurrent_runs (int | None):
    """

    requests_per_minute: int
    burst: int
    concurrent_runs: int | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        requests_per_minute = self.requests_per_minute

        burst = self.burst

        concurrent_runs: int | None
        concurrent_runs = self.concurrent_runs

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "requests_per_minute": requests_per_minute,
                "burst": burst,
                "concurrent_runs": concurrent_runs,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        requests_per_minute = d.pop("requests_per_minute")

        burst = d.pop("burst")

        def _parse_concurrent_runs(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        concurrent_runs = _parse_concurrent_runs(d.pop("concurrent_runs"))

        key_limits = cls(
            requests_per_minute=requests_per_minute,
            burst=burst,
            concurrent_runs=concurrent_runs,
        )

        key_limits.additional_properties = d
        return key_limits

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
