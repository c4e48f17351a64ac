from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.import_report import ImportReport
    from ..models.imported_secret import ImportedSecret
    from ..models.imported_workflow import ImportedWorkflow


T = TypeVar("T", bound="Imported")


@_attrs_define
class Imported:
    """What became of a file.

    Attributes:
        workflows (list[ImportedWorkflow]): The drafts that were saved.
        report (ImportReport): How many steps of the file became what.
        secrets (list[ImportedSecret]): Keys that stood in the file.
    """

    workflows: list[ImportedWorkflow]
    report: ImportReport
    secrets: list[ImportedSecret]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        workflows = []
        for workflows_item_data in self.workflows:
            workflows_item = workflows_item_data.to_dict()
            workflows.append(workflows_item)

        report = self.report.to_dict()

        secrets = []
        for secrets_item_data in self.secrets:
            secrets_item = secrets_item_data.to_dict()
            secrets.append(secrets_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "workflows": workflows,
                "report": report,
                "secrets": secrets,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.import_report import ImportReport  # noqa: PLC0415
        from ..models.imported_secret import ImportedSecret  # noqa: PLC0415
        from ..models.imported_workflow import ImportedWorkflow  # noqa: PLC0415

        d = dict(src_dict)
        workflows = []
        _workflows = d.pop("workflows")
        for workflows_item_data in _workflows:
            workflows_item = ImportedWorkflow.from_dict(workflows_item_data)

            workflows.append(workflows_item)

        report = ImportReport.from_dict(d.pop("report"))

        secrets = []
        _secrets = d.pop("secrets")
        for secrets_item_data in _secrets:
            secrets_item = ImportedSecret.from_dict(secrets_item_data)

            secrets.append(secrets_item)

        imported = cls(
            workflows=workflows,
            report=report,
            secrets=secrets,
        )

        imported.additional_properties = d
        return imported

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
