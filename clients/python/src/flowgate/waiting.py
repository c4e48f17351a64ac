"""Waits for the end of a run that was started without waiting."""

from __future__ import annotations

import time
from urllib.parse import quote

import httpx

from .errors import ApiError, raise_for
from .rest import AuthenticatedClient
from .rest.models import Run, RunStatus

#: A run with one of these does not change any more.
ENDED = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})


def wait_for(client: AuthenticatedClient, run_id: str, *, timeout: float = 900.0) -> Run:
    """The run when it has ended, however it ended. Raises `TimeoutError` if that takes longer.

    Asks as often as the server says (`Retry-After`). An answer that is lost, or a server that is overloaded, is asked again.
    """
    end = time.monotonic() + timeout
    while True:
        pause = 1.0
        try:
            response = client.get_httpx_client().get(f"/v1/runs/{quote(run_id, safe='')}")
            pause = _seconds(response)
            raise_for(response)
            run = Run.from_dict(response.json())
            if run.status in ENDED:
                return run
        except httpx.TransportError:
            pass
        except ApiError as error:
            if error.status < 500 and error.status != 429:
                raise
        if time.monotonic() + pause > end:
            raise TimeoutError(f"{run_id} has not ended after {timeout} s")
        time.sleep(pause)


def _seconds(response: httpx.Response) -> float:
    try:
        return min(60.0, max(0.1, float(response.headers["retry-after"])))
    except (KeyError, ValueError):
        return 1.0
