from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="StatsItem")


@_attrs_define
class StatsItem:
    """The runs that ended in one step, under one name. Runs of drafts count only by `version`, as
    `draft`.

        Attributes:
            at (datetime.datetime): RFC 3339 with milliseconds, UTC.
            runs (int):
            succeeded (int):
            failed (int):
            cancelled (int):
            failure_rate (float | None): Failed runs among those that succeeded or failed, from 0 to 1; null if there are
                none.
            p50_ms (int | None): Half of the runs took at most this long from their start to their end. Estimated from
                buckets that grow by 41 %; null by `key`, `code` and `node`, and where nothing ran.
            p95_ms (int | None):
            p99_ms (int | None):
            queued_ms (int | None): The mean time from acceptance to start; null where nothing ran.
            tokens (int):
            tokens_unknown_runs (int): Runs whose tokens nobody knows; they are not in `tokens`.
            cost_nano_usd (int):
            cost_unknown_runs (int): Runs whose cost nobody knows; it is not in `cost_nano_usd`.
            name (str | Unset): With `by`: of what these are the runs. Of names with few runs, the rest is `other`.
    """

    at: datetime.datetime
    runs: int
    succeeded: int
    failed: int
    cancelled: int
    failure_rate: float | None
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None
    queued_ms: int | None
    tokens: int
    tokens_unknown_runs: int
    cost_nano_usd: int
    cost_unknown_runs: int
    name: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        at = self.at.isoformat()

        runs = self.runs

        succeeded = self.succeeded

        failed = self.failed

        cancelled = self.cancelled

        failure_rate: float | None
        failure_rate = self.failure_rate

        p50_ms: int | None
        p50_ms = self.p50_ms

        p95_ms: int | None
        p95_ms = self.p95_ms

        p99_ms: int | None
        p99_ms = self.p99_ms

        queued_ms: int | None
        queued_ms = self.queued_ms

        tokens = self.tokens

        tokens_unknown_runs = self.tokens_unknown_runs

        cost_nano_usd = self.cost_nano_usd

        cost_unknown_runs = self.cost_unknown_runs

        name = self.name

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "runs": runs,
                "succeeded": succeeded,
                "failed": failed,
                "cancelled": cancelled,
                "failure_rate": failure_rate,
                "p50_ms": p50_ms,
                "p95_ms": p95_ms,
                "p99_ms": p99_ms,
                "queued_ms": queued_ms,
                "tokens": tokens,
                "tokens_unknown_runs": tokens_unknown_runs,
                "cost_nano_usd": cost_nano_usd,
                "cost_unknown_runs": cost_unknown_runs,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        at = datetime.datetime.fromisoformat(d.pop("at"))

        runs = d.pop("runs")

        succeeded = d.pop("succeeded")

        failed = d.pop("failed")

        cancelled = d.pop("cancelled")

        def _parse_failure_rate(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        failure_rate = _parse_failure_rate(d.pop("failure_rate"))

        def _parse_p50_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        p50_ms = _parse_p50_ms(d.pop("p50_ms"))

        def _parse_p95_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        p95_ms = _parse_p95_ms(d.pop("p95_ms"))

        def _parse_p99_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        p99_ms = _parse_p99_ms(d.pop("p99_ms"))

        def _parse_queued_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        queued_ms = _parse_queued_ms(d.pop("queued_ms"))

        tokens = d.pop("tokens")

        tokens_unknown_runs = d.pop("tokens_unknown_runs")

        cost_nano_usd = d.pop("cost_nano_usd")

        cost_unknown_runs = d.pop("cost_unknown_runs")

        name = d.pop("name", UNSET)

        stats_item = cls(
            at=at,
            runs=runs,
            succeeded=succeeded,
            failed=failed,
            cancelled=cancelled,
            failure_rate=failure_rate,
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            p99_ms=p99_ms,
            queued_ms=queued_ms,
            tokens=tokens,
            tokens_unknown_runs=tokens_unknown_runs,
            cost_nano_usd=cost_nano_usd,
            cost_unknown_runs=cost_unknown_runs,
            name=name,
        )

        stats_item.additional_properties = d
        return stats_item

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
