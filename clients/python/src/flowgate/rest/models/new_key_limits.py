from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="NewKeyLimits")


@_attrs_define
class NewKeyLimits:
    """How many runs the key may start.

    Attributes:
        requests_per_minute (int): How fast its starts come back.
        burst (int | None | Unset): How many runs it may start at once; by default as many as in a minute.
        concurrent_runs (int | None | Unset): How many of its runs may be going on; without it any number.
    """

    requests_per_minute: int
    burst: int | None | Unset = UNSET
    concurrent_runs: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        requests_per_minute = self.requests_per_minute

        burst: int | None | Unset
        if isinstance(self.burst, Unset):
            burst = UNSET
        else:
            burst = self.burst

        concurrent_runs: int | None | Unset
        if isinstance(self.concurrent_runs, Unset):
            concurrent_runs = UNSET
        else:
            concurrent_runs = self.concurrent_runs

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "requests_per_minute": requests_per_minute,
            }
        )
        if burst is not UNSET:
            field_dict["burst"] = burst
        if concurrent_runs is not UNSET:
            field_dict["concurrent_runs"] = concurrent_runs

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        requests_per_minute = d.pop("requests_per_minute")

        def _parse_burst(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        burst = _parse_burst(d.pop("burst", UNSET))

        def _parse_concurrent_runs(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        concurrent_runs = _parse_concurrent_runs(d.pop("concurrent_runs", UNSET))

        new_key_limits = cls(
            requests_per_minute=requests_per_minute,
            burst=burst,
            concurrent_runs=concurrent_runs,
        )

        return new_key_limits
