from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.webhook_test_headers import WebhookTestHeaders


T = TypeVar("T", bound="WebhookTest")


@_attrs_define
class WebhookTest:
    """What was sent, and what came back.

    Attributes:
        event (str):
        url (str): With secrets as their names.
        status (int | None): Of the answer; null if there was none.
        duration_ms (int):
        error (None | str): Why there is no whole answer.
        answer (str): Its first 4 KiB.
        headers (WebhookTestHeaders): Those that were sent, with secrets as their names.
    """

    event: str
    url: str
    status: int | None
    duration_ms: int
    error: None | str
    answer: str
    headers: WebhookTestHeaders
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        event = self.event

        url = self.url

        status: int | None
        status = self.status

        duration_ms = self.duration_ms

        error: None | str
        error = self.error

        answer = self.answer

        headers = self.headers.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "event": event,
                "url": url,
                "status": status,
                "duration_ms": duration_ms,
                "error": error,
                "answer": answer,
                "headers": headers,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.webhook_test_headers import WebhookTestHeaders  # noqa: PLC0415

        d = dict(src_dict)
        event = d.pop("event")

        url = d.pop("url")

        def _parse_status(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        status = _parse_status(d.pop("status"))

        duration_ms = d.pop("duration_ms")

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        answer = d.pop("answer")

        headers = WebhookTestHeaders.from_dict(d.pop("headers"))

        webhook_test = cls(
            event=event,
            url=url,
            status=status,
            duration_ms=duration_ms,
            error=error,
            answer=answer,
            headers=headers,
        )

        webhook_test.additional_properties = d
        return webhook_test

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
