from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.change import Change

if TYPE_CHECKING:
    from ..models.outline_tool import OutlineTool


T = TypeVar("T", bound="OutlineNode")


@_attrs_define
class OutlineNode:
    """
    Attributes:
        path (str): A JSON Pointer into the document.
        line (int): From 1.
        last_line (int): The line that the node ends in.
        id (str): Empty where the document has none, or none that is valid.
        name (None | str):
        kind (str): As written.
        parent (None | str): The id of the loop or parallel that holds it.
        touches (None | str): What it is about, in one line of at most 120 characters: a model, an address, a condition.
        branches (list[str]): Of a condition or a router.
        tools (list[OutlineTool]): Of an agent.
        change (Change | None):
    """

    path: str
    line: int
    last_line: int
    id: str
    name: None | str
    kind: str
    parent: None | str
    touches: None | str
    branches: list[str]
    tools: list[OutlineTool]
    change: Change | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        path = self.path

        line = self.line

        last_line = self.last_line

        id = self.id

        name: None | str
        name = self.name

        kind = self.kind

        parent: None | str
        parent = self.parent

        touches: None | str
        touches = self.touches

        branches = self.branches

        tools = []
        for tools_item_data in self.tools:
            tools_item = tools_item_data.to_dict()
            tools.append(tools_item)

        change: None | str
        if isinstance(self.change, Change):
            change = self.change.value
        else:
            change = self.change

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "path": path,
                "line": line,
                "last_line": last_line,
                "id": id,
                "name": name,
                "kind": kind,
                "parent": parent,
                "touches": touches,
                "branches": branches,
                "tools": tools,
                "change": change,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.outline_tool import OutlineTool  # noqa: PLC0415

        d = dict(src_dict)
        path = d.pop("path")

        line = d.pop("line")

        last_line = d.pop("last_line")

        id = d.pop("id")

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        kind = d.pop("kind")

        def _parse_parent(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        parent = _parse_parent(d.pop("parent"))

        def _parse_touches(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        touches = _parse_touches(d.pop("touches"))

        branches = cast(list[str], d.pop("branches"))

        tools = []
        _tools = d.pop("tools")
        for tools_item_data in _tools:
            tools_item = OutlineTool.from_dict(tools_item_data)

            tools.append(tools_item)

        def _parse_change(data: object) -> Change | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                change_type_0 = Change(data)

                return change_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Change | None, data)

        change = _parse_change(d.pop("change"))

        outline_node = cls(
            path=path,
            line=line,
            last_line=last_line,
            id=id,
            name=name,
            kind=kind,
            parent=parent,
            touches=touches,
            branches=branches,
            tools=tools,
            change=change,
        )

        outline_node.additional_properties = d
        return outline_node

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
