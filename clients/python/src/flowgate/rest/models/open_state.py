from enum import StrEnum


class OpenState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"

    def __str__(self) -> str:
        return str(self.value)
