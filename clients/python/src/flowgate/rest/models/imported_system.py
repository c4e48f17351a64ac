from enum import StrEnum


class ImportedSystem(StrEnum):
    AIFLOW = "aiflow"
    DIFY = "dify"
    GPTBOTS = "gptbots"
    N8N = "n8n"
    SIM = "sim"

    def __str__(self) -> str:
        return str(self.value)
