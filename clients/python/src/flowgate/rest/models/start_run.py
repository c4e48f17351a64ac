from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.budget import Budget
    from ..models.start_run_pins import StartRunPins
    from ..models.webhook import Webhook


T = TypeVar("T", bound="StartRun")


@_attrs_define
class StartRun:
    """A run to be started.

    Attributes:
        input_ (Any | Unset): What the `input` of the workflow declares. An undeclared key is refused.
        user (None | str | Unset): Your own name for who asked.
        save (bool | None | Unset): `false`: input, outputs, events and trace are wiped when the run has ended and its
            webhooks
            are delivered or given up. By default as the workflow says.
        webhooks (list[Webhook] | Unset):
        budget (Budget | Unset): What a run may spend on models. Checked before each call.
        until (None | str | Unset): For authors: only what this node needs runs, and its output is the run's.
        pins (StartRunPins | Unset): For authors: the outputs of nodes that do not run, by the node's id or name.
    """

    input_: Any | Unset = UNSET
    user: None | str | Unset = UNSET
    save: bool | None | Unset = UNSET
    webhooks: list[Webhook] | Unset = UNSET
    budget: Budget | Unset = UNSET
    until: None | str | Unset = UNSET
    pins: StartRunPins | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        input_ = self.input_

        user: None | str | Unset
        if isinstance(self.user, Unset):
            user = UNSET
        else:
            user = self.user

        save: bool | None | Unset
        if isinstance(self.save, Unset):
            save = UNSET
        else:
            save = self.save

        webhooks: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.webhooks, Unset):
            webhooks = []
            for webhooks_item_data in self.webhooks:
                webhooks_item = webhooks_item_data.to_dict()
                webhooks.append(webhooks_item)

        budget: dict[str, Any] | Unset = UNSET
        if not isinstance(self.budget, Unset):
            budget = self.budget.to_dict()

        until: None | str | Unset
        if isinstance(self.until, Unset):
            until = UNSET
        else:
            until = self.until

        pins: dict[str, Any] | Unset = UNSET
        if not isinstance(self.pins, Unset):
            pins = self.pins.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if input_ is not UNSET:
            field_dict["input"] = input_
        if user is not UNSET:
            field_dict["user"] = user
        if save is not UNSET:
            field_dict["save"] = save
        if webhooks is not UNSET:
            field_dict["webhooks"] = webhooks
        if budget is not UNSET:
            field_dict["budget"] = budget
        if until is not UNSET:
            field_dict["until"] = until
        if pins is not UNSET:
            field_dict["pins"] = pins

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.budget import Budget  # noqa: PLC0415
        from ..models.start_run_pins import StartRunPins  # noqa: PLC0415
        from ..models.webhook import Webhook  # noqa: PLC0415

        d = dict(src_dict)
        input_ = d.pop("input", UNSET)

        def _parse_user(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        user = _parse_user(d.pop("user", UNSET))

        def _parse_save(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        save = _parse_save(d.pop("save", UNSET))

        _webhooks = d.pop("webhooks", UNSET)
        webhooks: list[Webhook] | Unset = UNSET
        if _webhooks is not UNSET:
            webhooks = []
            for webhooks_item_data in _webhooks:
                webhooks_item = Webhook.from_dict(webhooks_item_data)

                webhooks.append(webhooks_item)

        _budget = d.pop("budget", UNSET)
        budget: Budget | Unset
        if isinstance(_budget, Unset):
            budget = UNSET
        else:
            budget = Budget.from_dict(_budget)

        def _parse_until(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        until = _parse_until(d.pop("until", UNSET))

        _pins = d.pop("pins", UNSET)
        pins: StartRunPins | Unset
        if isinstance(_pins, Unset):
            pins = UNSET
        else:
            pins = StartRunPins.from_dict(_pins)

        start_run = cls(
            input_=input_,
            user=user,
            save=save,
            webhooks=webhooks,
            budget=budget,
            until=until,
            pins=pins,
        )

        return start_run
