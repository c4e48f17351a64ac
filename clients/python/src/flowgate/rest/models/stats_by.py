from enum import StrEnum


class StatsBy(StrEnum):
    CODE = "code"
    KEY = "key"
    NODE = "node"
    STATE = "state"
    VERSION = "version"
    WORKFLOW = "workflow"

    def __str__(self) -> str:
        return str(self.value)
