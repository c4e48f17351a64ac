from enum import StrEnum


class LoginKind(StrEnum):
    OAUTH2 = "oauth2"
    SERVICE_ACCOUNT = "service_account"

    def __str__(self) -> str:
        return str(self.value)
