from enum import StrEnum


class ReplayFrom(StrEnum):
    FAILED = "failed"
    START = "start"

    def __str__(self) -> str:
        return str(self.value)
