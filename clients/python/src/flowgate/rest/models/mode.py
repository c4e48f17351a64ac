from enum import StrEnum


class Mode(StrEnum):
    ASYNC = "async"
    STREAM = "stream"
    WAIT = "wait"
    WEBHOOK = "webhook"

    def __str__(self) -> str:
        return str(self.value)
