from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.stored_file import StoredFile
    from ..models.upload_request import UploadRequest


T = TypeVar("T", bound="AnnouncedFile")


@_attrs_define
class AnnouncedFile:
    """A file whose bytes are still to come.

    Attributes:
        file (StoredFile): A file, as a value: an input of type `file` takes it as it is.
        upload (UploadRequest): The request that sends the bytes. Where its URL is one of this API, it needs the key,
            too.
    """

    file: StoredFile
    upload: UploadRequest
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        file = self.file.to_dict()

        upload = self.upload.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "file": file,
                "upload": upload,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.stored_file import StoredFile  # noqa: PLC0415
        from ..models.upload_request import UploadRequest  # noqa: PLC0415

        d = dict(src_dict)
        file = StoredFile.from_dict(d.pop("file"))

        upload = UploadRequest.from_dict(d.pop("upload"))

        announced_file = cls(
            file=file,
            upload=upload,
        )

        announced_file.additional_properties = d
        return announced_file

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
