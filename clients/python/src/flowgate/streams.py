"""Follows the events of a run to its end, whatever happens to the connection."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from .errors import ApiError, raise_for
from .rest import AuthenticatedClient
from .rest.models import StartRun

# The server sends a comment after 15 s of silence.
_TIMEOUT = httpx.Timeout(10.0, read=45.0)
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Event:
    """`id` is where a later `follow` goes on. `type` is one of those that the API lists, such as `chunk`."""

    id: str | None
    type: str
    data: dict[str, Any]


def follow(client: AuthenticatedClient, run_id: str, *, after: str | None = None, attempts: int = 5) -> Iterator[Event]:
    """The events of a run, from its first one or after one, up to and with `run.finished`.

    A stream that is cut goes on after its last event: none comes twice, none is missing. Gives up after so many attempts in
    a row that brought no event, with the error of the last one.
    """
    return _resumed(client, _events_of(run_id), after, attempts)


def start_and_follow(
    client: AuthenticatedClient,
    workflow_id: str,
    body: StartRun | None = None,
    *,
    version: str | None = None,
    idempotency_key: str | None = None,
    attempts: int = 5,
) -> Iterator[Event]:
    """Starts a run and follows it. The first event is `run.started`, which names the run.

    The start has an idempotency key: it is sent again if the connection is lost before the first event, and starts one run.
    """
    start = {
        "method": "POST",
        "url": f"/v1/workflows/{quote(workflow_id, safe='')}/runs",
        "params": {"version": version} if version else {},
        "json": body.to_dict() if body else {},
        "headers": {"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
    }
    return _resumed(client, start, None, attempts)


def _events_of(run_id: str) -> dict[str, Any]:
    return {"method": "GET", "url": f"/v1/runs/{quote(run_id, safe='')}/events", "headers": {}}


def _resumed(client: AuthenticatedClient, request: dict[str, Any], last: str | None, attempts: int) -> Iterator[Event]:
    failures = 0
    while True:
        lost: Exception = ConnectionError("the stream ended before the run")
        try:
            for event in _once(client, request, last):
                failures = 0
                last = event.id or last
                if event.type == "run.started":
                    request = _events_of(event.data["run_id"])
                if event.type != "reconnect":
                    yield event
                if event.type == "run.finished":
                    return
        except _NothingLeft:
            return
        except httpx.TransportError as error:
            lost = error
        except ApiError as error:
            if error.status < 500:
                raise
            lost = error
        failures += 1
        if failures >= attempts:
            raise lost
        time.sleep(min(_LONGEST_PAUSE, 0.25 * 2**failures))


class _NothingLeft(Exception):
    """The run is over, and its last event was seen."""


def _once(client: AuthenticatedClient, request: dict[str, Any], last: str | None) -> Iterator[Event]:
    headers = {"Accept": "text/event-stream", **request["headers"]}
    if last:
        headers["Last-Event-ID"] = last
    with client.get_httpx_client().stream(**{**request, "headers": headers}, timeout=_TIMEOUT) as response:
        raise_for(response)
        if response.status_code == 204:
            raise _NothingLeft
        yield from _events(response.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Event]:
    """A frame ends with an empty line. What a cut left of one is dropped: it comes again."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield Event(fields.get("id"), fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
