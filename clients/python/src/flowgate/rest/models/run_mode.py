from enum import StrEnum


class RunMode(StrEnum):
    ASYNC = "async"
    SCHEDULE = "schedule"
    STREAM = "stream"
    WAIT = "wait"

    def __str__(self) -> str:
        return str(self.value)
