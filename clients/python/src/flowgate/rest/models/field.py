from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Field")


@_attrs_define
class Field:
    """A field of a node, or of an object inside one.

    Attributes:
        name (str):
        type_ (str): What it holds. With references: `any` JSON, `text`, `texts` (by name), `text_list`,
            `object`, `list`, `code`, `each` (a list), `count`, `number_ref`, `integer_ref`,
            `items_ref`. Without: `words`, `boolean`, `number`, `integer`, `duration`, `one_of`,
            `method`, `statuses`, `json_schema`, `id`, `kind`, `after`, `on_error`, `nodes`. With
            `fields`: `fields` (an object), `items` (a list of them). `nothing`: known, and refused, as
            `help` says.
        help_ (str): Markdown, in one line.
        default (None | str): In words or as a value; null where it needs no mention.
        required (bool):
        secrets (bool): It may hold `{{NAME}}`.
        one_of_fields (list[str] | Unset): Exactly one of these fields.
        any_of_fields (list[str] | Unset): At least one of these fields.
        at_most_one_of_fields (list[str] | Unset): One of these fields, or none.
        values (list[str] | Unset): What it may be.
        min_ (float | str | Unset): A number, or a duration such as `90s`.
        max_ (float | str | Unset): A number, or a duration such as `90s`.
        fields (list[Field] | Unset): Of the object, or of each object of the list.
    """

    name: str
    type_: str
    help_: str
    default: None | str
    required: bool
    secrets: bool
    one_of_fields: list[str] | Unset = UNSET
    any_of_fields: list[str] | Unset = UNSET
    at_most_one_of_fields: list[str] | Unset = UNSET
    values: list[str] | Unset = UNSET
    min_: float | str | Unset = UNSET
    max_: float | str | Unset = UNSET
    fields: list[Field] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        type_ = self.type_

        help_ = self.help_

        default: None | str
        default = self.default

        required = self.required

        secrets = self.secrets

        one_of_fields: list[str] | Unset = UNSET
        if not isinstance(self.one_of_fields, Unset):
            one_of_fields = self.one_of_fields

        any_of_fields: list[str] | Unset = UNSET
        if not isinstance(self.any_of_fields, Unset):
            any_of_fields = self.any_of_fields

        at_most_one_of_fields: list[str] | Unset = UNSET
        if not isinstance(self.at_most_one_of_fields, Unset):
            at_most_one_of_fields = self.at_most_one_of_fields

        values: list[str] | Unset = UNSET
        if not isinstance(self.values, Unset):
            values = self.values

        min_: float | str | Unset
        if isinstance(self.min_, Unset):
            min_ = UNSET
        else:
            min_ = self.min_

        max_: float | str | Unset
        if isinstance(self.max_, Unset):
            max_ = UNSET
        else:
            max_ = self.max_

        fields: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.fields, Unset):
            fields = []
            for fields_item_data in self.fields:
                fields_item = fields_item_data.to_dict()
                fields.append(fields_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "type": type_,
                "help": help_,
                "default": default,
                "required": required,
                "secrets": secrets,
            }
        )
        if one_of_fields is not UNSET:
            field_dict["one_of_fields"] = one_of_fields
        if any_of_fields is not UNSET:
            field_dict["any_of_fields"] = any_of_fields
        if at_most_one_of_fields is not UNSET:
            field_dict["at_most_one_of_fields"] = at_most_one_of_fields
        if values is not UNSET:
            field_dict["values"] = values
        if min_ is not UNSET:
            field_dict["min"] = min_
        if max_ is not UNSET:
            field_dict["max"] = max_
        if fields is not UNSET:
            field_dict["fields"] = fields

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        type_ = d.pop("type")

        help_ = d.pop("help")

        def _parse_default(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        default = _parse_default(d.pop("default"))

        required = d.pop("required")

        secrets = d.pop("secrets")

        one_of_fields = cast(list[str], d.pop("one_of_fields", UNSET))

        any_of_fields = cast(list[str], d.pop("any_of_fields", UNSET))

        at_most_one_of_fields = cast(list[str], d.pop("at_most_one_of_fields", UNSET))

        values = cast(list[str], d.pop("values", UNSET))

        def _parse_min_(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        min_ = _parse_min_(d.pop("min", UNSET))

        def _parse_max_(data: object) -> float | str | Unset:
            if isinstance(data, Unset):
                return data
            return cast(float | str | Unset, data)

        max_ = _parse_max_(d.pop("max", UNSET))

        _fields = d.pop("fields", UNSET)
        fields: list[Field] | Unset = UNSET
        if _fields is not UNSET:
            fields = []
            for fields_item_data in _fields:
                fields_item = Field.from_dict(fields_item_data)

                fields.append(fields_item)

        field = cls(
            name=name,
            type_=type_,
            help_=help_,
            default=default,
            required=required,
            secrets=secrets,
            one_of_fields=one_of_fields,
            any_of_fields=any_of_fields,
            at_most_one_of_fields=at_most_one_of_fields,
            values=values,
            min_=min_,
            max_=max_,
            fields=fields,
        )

        field.additional_properties = d
        return field

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
