from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.lang import Lang
from ..models.mode import Mode

T = TypeVar("T", bound="Snippet")


@_attrs_define
class Snippet:
    """A program.

    Attributes:
        lang (Lang):
        mode (Mode):
        file (str): What the file may be called.
        code (str): Reads the key from the environment variable `FLOWGATE_KEY`; a receiver of webhooks the
            signing secret from `FLOWGATE_WEBHOOK_SECRET`.
        install (None | str): The command that installs what it needs beside the language; null if that is nothing.
    """

    lang: Lang
    mode: Mode
    file: str
    code: str
    install: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        lang = self.lang.value

        mode = self.mode.value

        file = self.file

        code = self.code

        install: None | str
        install = self.install

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "lang": lang,
                "mode": mode,
                "file": file,
                "code": code,
                "install": install,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        lang = Lang(d.pop("lang"))

        mode = Mode(d.pop("mode"))

        file = d.pop("file")

        code = d.pop("code")

        def _parse_install(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        install = _parse_install(d.pop("install"))

        snippet = cls(
            lang=lang,
            mode=mode,
            file=file,
            code=code,
            install=install,
        )

        snippet.additional_properties = d
        return snippet

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
