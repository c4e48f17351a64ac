from enum import StrEnum


class Lang(StrEnum):
    CURL = "curl"
    GO = "go"
    PYTHON = "python"
    RUST = "rust"
    TYPESCRIPT = "typescript"

    def __str__(self) -> str:
        return str(self.value)
