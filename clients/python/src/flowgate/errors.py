"""Why the server refused a request."""

from __future__ import annotations

from typing import Any

import httpx


class ApiError(Exception):
    """A refusal (RFC 9457). `code` is for programs and does not change; `problem` is the whole answer."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code: str = problem.get("code", "")
        self.request_id: str | None = problem.get("request_id")
        super().__init__(f"{status} {self.code}: {problem.get('detail', '')}")


def raise_for(response: httpx.Response) -> None:
    """Reads the body of a refusal, also of a stream, and raises it."""
    if response.is_success:
        return
    response.read()
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    raise ApiError(response.status_code, problem if isinstance(problem, dict) else {})
