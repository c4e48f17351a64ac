from enum import StrEnum


class StatsStep(StrEnum):
    DAY = "day"
    HOUR = "hour"
    TOTAL = "total"

    def __str__(self) -> str:
        return str(self.value)
