from enum import StrEnum


class ImportOutcome(StrEnum):
    APPROXIMATED = "approximated"
    MAPPED = "mapped"
    UNSUPPORTED = "unsupported"

    def __str__(self) -> str:
        return str(self.value)
