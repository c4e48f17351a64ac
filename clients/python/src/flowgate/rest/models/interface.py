from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.interface_input import InterfaceInput
    from ..models.interface_input_schema import InterfaceInputSchema
    from ..models.interface_output import InterfaceOutput
    from ..models.interface_output_schema import InterfaceOutputSchema


T = TypeVar("T", bound="Interface")


@_attrs_define
class Interface:
    """A workflow as its callers see it.

    Attributes:
        workflow_id (str):
        version (str): `draft` for a draft.
        name (str): The id where the document has no name.
        description (str):
        endpoint (str): The path that starts a run.
        inputs (list[InterfaceInput]): Empty where the document declares none: then any object is accepted.
        outputs (list[InterfaceOutput]): What its output nodes name.
        input_schema (InterfaceInputSchema): JSON Schema.
        output_schema (InterfaceOutputSchema): JSON Schema of the output of a run that succeeded.
        streams (list[str]): The ids of nodes whose text is streamed.
        webhook (bool): Whether the document has a webhook, called when a run ends.
    """

    workflow_id: str
    version: str
    name: str
    description: str
    endpoint: str
    inputs: list[InterfaceInput]
    outputs: list[InterfaceOutput]
    input_schema: InterfaceInputSchema
    output_schema: InterfaceOutputSchema
    streams: list[str]
    webhook: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        workflow_id = self.workflow_id

        version = self.version

        name = self.name

        description = self.description

        endpoint = self.endpoint

        inputs = []
        for inputs_item_data in self.inputs:
            inputs_item = inputs_item_data.to_dict()
            inputs.append(inputs_item)

        outputs = []
        for outputs_item_data in self.outputs:
            outputs_item = outputs_item_data.to_dict()
            outputs.append(outputs_item)

        input_schema = self.input_schema.to_dict()

        output_schema = self.output_schema.to_dict()

        streams = self.streams

        webhook = self.webhook

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "workflow_id": workflow_id,
                "version": version,
                "name": name,
                "description": description,
                "endpoint": endpoint,
                "inputs": inputs,
                "outputs": outputs,
                "input_schema": input_schema,
                "output_schema": output_schema,
                "streams": streams,
                "webhook": webhook,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.interface_input import InterfaceInput  # noqa: PLC0415
        from ..models.interface_input_schema import (
            InterfaceInputSchema,  # noqa: PLC0415
        )
        from ..models.interface_output import InterfaceOutput  # noqa: PLC0415
        from ..models.interface_output_schema import (
            InterfaceOutputSchema,  # noqa: PLC0415
        )

        d = dict(src_dict)
        workflow_id = d.pop("workflow_id")

        version = d.pop("version")

        name = d.pop("name")

        description = d.pop("description")

        endpoint = d.pop("endpoint")

        inputs = []
        _inputs = d.pop("inputs")
        for inputs_item_data in _inputs:
            inputs_item = InterfaceInput.from_dict(inputs_item_data)

            inputs.append(inputs_item)

        outputs = []
        _outputs = d.pop("outputs")
        for outputs_item_data in _outputs:
            outputs_item = InterfaceOutput.from_dict(outputs_item_data)

            outputs.append(outputs_item)

        input_schema = InterfaceInputSchema.from_dict(d.pop("input_schema"))

        output_schema = InterfaceOutputSchema.from_dict(d.pop("output_schema"))

        streams = cast(list[str], d.pop("streams"))

        webhook = d.pop("webhook")

        interface = cls(
            workflow_id=workflow_id,
            version=version,
            name=name,
            description=description,
            endpoint=endpoint,
            inputs=inputs,
            outputs=outputs,
            input_schema=input_schema,
            output_schema=output_schema,
            streams=streams,
            webhook=webhook,
        )

        interface.additional_properties = d
        return interface

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
