from enum import StrEnum


class KeyScope(StrEnum):
    ADMIN = "admin"
    AUTHOR = "author"
    CANCEL = "cancel"
    READ = "read"
    RUN = "run"
    TRACE = "trace"

    def __str__(self) -> str:
        return str(self.value)
