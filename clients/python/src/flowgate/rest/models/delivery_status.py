from enum import StrEnum


class DeliveryStatus(StrEnum):
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    PENDING = "pending"

    def __str__(self) -> str:
        return str(self.value)
