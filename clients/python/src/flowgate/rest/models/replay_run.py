from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="ReplayRun")


@_attrs_define
class ReplayRun:
    """How a run is repeated.

    Attributes:
        from_ (None | str | Unset): The id or name of a node: it and what depends on it are made anew.
        all_ (bool | None | Unset): `true`: everything is made anew, and nothing is taken over. By default so for a run
            that
            succeeded, if no other field is given.
        input_ (Any | Unset): Instead of the run's own, checked as at a start.
        version (None | str | Unset): Instead of the run's own; `draft`: the saved draft, for authors.
    """

    from_: None | str | Unset = UNSET
    all_: bool | None | Unset = UNSET
    input_: Any | Unset = UNSET
    version: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from_: None | str | Unset
        if isinstance(self.from_, Unset):
            from_ = UNSET
        else:
            from_ = self.from_

        all_: bool | None | Unset
        if isinstance(self.all_, Unset):
            all_ = UNSET
        else:
            all_ = self.all_

        input_ = self.input_

        version: None | str | Unset
        if isinstance(self.version, Unset):
            version = UNSET
        else:
            version = self.version

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if from_ is not UNSET:
            field_dict["from"] = from_
        if all_ is not UNSET:
            field_dict["all"] = all_
        if input_ is not UNSET:
            field_dict["input"] = input_
        if version is not UNSET:
            field_dict["version"] = version

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_from_(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        from_ = _parse_from_(d.pop("from", UNSET))

        def _parse_all_(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        all_ = _parse_all_(d.pop("all", UNSET))

        input_ = d.pop("input", UNSET)

        def _parse_version(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        version = _parse_version(d.pop("version", UNSET))

        replay_run = cls(
            from_=from_,
            all_=all_,
            input_=input_,
            version=version,
        )

        return replay_run
