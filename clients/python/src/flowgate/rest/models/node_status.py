from enum import StrEnum


class NodeStatus(StrEnum):
    CANCELLED = "cancelled"
    FAILED = "failed"
    SKIPPED = "skipped"
    SUCCEEDED = "succeeded"

    def __str__(self) -> str:
        return str(self.value)
