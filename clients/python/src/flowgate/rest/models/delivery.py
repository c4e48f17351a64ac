from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.delivery_status import DeliveryStatus

if TYPE_CHECKING:
    from ..models.attempt import Attempt


T = TypeVar("T", bound="Delivery")


@_attrs_define
class Delivery:
    """One webhook of one run. Its headers are not shown: their values are the caller's secrets.

    Attributes:
        id (str): Sent as `webhook-id`.
        run_id (str):
        workflow_id (str):
        event (str): `run.succeeded`, `run.failed`, `run.cancelled`, or `node` for a webhook node.
        method (str):
        url (None | str): With secrets as names. Null after a wipe, and for the webhooks of authors unless the key has
            the scope `trace`.
        receiver (str): The receiving host, with its port.
        receiver_disabled_at (datetime.datetime | None):
        status (DeliveryStatus):
        created_at (datetime.datetime): RFC 3339 with milliseconds, UTC.
        next_attempt_at (datetime.datetime | None):
        attempts_made (int): All of them.
        attempts (list[Attempt]): The last 40.
    """

    id: str
    run_id: str
    workflow_id: str
    event: str
    method: str
    url: None | str
    receiver: str
    receiver_disabled_at: datetime.datetime | None
    status: DeliveryStatus
    created_at: datetime.datetime
    next_attempt_at: datetime.datetime | None
    attempts_made: int
    attempts: list[Attempt]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        run_id = self.run_id

        workflow_id = self.workflow_id

        event = self.event

        method = self.method

        url: None | str
        url = self.url

        receiver = self.receiver

        receiver_disabled_at: None | str
        if isinstance(self.receiver_disabled_at, datetime.datetime):
            receiver_disabled_at = self.receiver_disabled_at.isoformat()
        else:
            receiver_disabled_at = self.receiver_disabled_at

        status = self.status.value

        created_at = self.created_at.isoformat()

        next_attempt_at: None | str
        if isinstance(self.next_attempt_at, datetime.datetime):
            next_attempt_at = self.next_attempt_at.isoformat()
        else:
            next_attempt_at = self.next_attempt_at

        attempts_made = self.attempts_made

        attempts = []
        for attempts_item_data in self.attempts:
            attempts_item = attempts_item_data.to_dict()
            attempts.append(attempts_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "run_id": run_id,
                "workflow_id": workflow_id,
                "event": event,
                "method": method,
                "url": url,
                "receiver": receiver,
                "receiver_disabled_at": receiver_disabled_at,
                "status": status,
                "created_at": created_at,
                "next_attempt_at": next_attempt_at,
                "attempts_made": attempts_made,
                "attempts": attempts,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.attempt import Attempt  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        run_id = d.pop("run_id")

        workflow_id = d.pop("workflow_id")

        event = d.pop("event")

        method = d.pop("method")

        def _parse_url(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        url = _parse_url(d.pop("url"))

        receiver = d.pop("receiver")

        def _parse_receiver_disabled_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                receiver_disabled_at_type_0 = datetime.datetime.fromisoformat(data)

                return receiver_disabled_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        receiver_disabled_at = _parse_receiver_disabled_at(
            d.pop("receiver_disabled_at")
        )

        status = DeliveryStatus(d.pop("status"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_next_attempt_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                next_attempt_at_type_0 = datetime.datetime.fromisoformat(data)

                return next_attempt_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        next_attempt_at = _parse_next_attempt_at(d.pop("next_attempt_at"))

        attempts_made = d.pop("attempts_made")

        attempts = []
        _attempts = d.pop("attempts")
        for attempts_item_data in _attempts:
            attempts_item = Attempt.from_dict(attempts_item_data)

            attempts.append(attempts_item)

        delivery = cls(
            id=id,
            run_id=run_id,
            workflow_id=workflow_id,
            event=event,
            method=method,
            url=url,
            receiver=receiver,
            receiver_disabled_at=receiver_disabled_at,
            status=status,
            created_at=created_at,
            next_attempt_at=next_attempt_at,
            attempts_made=attempts_made,
            attempts=attempts,
        )

        delivery.additional_properties = d
        return delivery

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
