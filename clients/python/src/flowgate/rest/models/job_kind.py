from enum import StrEnum


class JobKind(StrEnum):
    CANCEL = "cancel"
    ERASE = "erase"
    REPLAY = "replay"

    def __str__(self) -> str:
        return str(self.value)
