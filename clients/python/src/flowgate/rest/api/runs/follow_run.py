from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.frame import Frame
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    run_id: str,
    *,
    after: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(last_event_id, Unset):
        headers["Last-Event-ID"] = last_event_id

    params: dict[str, Any] = {}

    params["after"] = after

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/runs/{run_id}/events".format(
            run_id=quote(str(run_id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | Frame | Problem | None:
    if response.status_code == 200:
        response_200 = Frame.from_dict(response.text)

        return response_200

    if response.status_code == 204:
        response_204 = cast(Any, None)
        return response_204

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 410:
        response_410 = Problem.from_dict(response.json())

        return response_410

    if response.status_code == 500:
        response_500 = Problem.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Any | Frame | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    run_id: str,
    *,
    client: AuthenticatedClient | Client,
    after: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Response[Any | Frame | Problem]:
    """Follow the events of a run

     From the first event, or after the one that is named. Needs the scope `read`.

    | event | id | data |
    |---|---|---|
    | `node.started` | yes | `NodeStarted` |
    | `node.attempt` | yes | `NodeAttempt` |
    | `chunk` | yes | `Chunk` |
    | `node.reset` | yes | `NodeReset` |
    | `node.finished` | yes | `NodeFinished` |
    | `run.finished` | yes | `Run`, without an input or output over 64 KiB; the last frame |
    | `reconnect` | no | `Reconnect`; the last frame |

    A comment line follows 15 s of silence. After the id of `run.finished` there is nothing: 204.

    Args:
        run_id (str):
        after (str | Unset):
        last_event_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Frame | Problem]
    """

    kwargs = _get_kwargs(
        run_id=run_id,
        after=after,
        last_event_id=last_event_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    run_id: str,
    *,
    client: AuthenticatedClient | Client,
    after: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Any | Frame | Problem | None:
    """Follow the events of a run

     From the first event, or after the one that is named. Needs the scope `read`.

    | event | id | data |
    |---|---|---|
    | `node.started` | yes | `NodeStarted` |
    | `node.attempt` | yes | `NodeAttempt` |
    | `chunk` | yes | `Chunk` |
    | `node.reset` | yes | `NodeReset` |
    | `node.finished` | yes | `NodeFinished` |
    | `run.finished` | yes | `Run`, without an input or output over 64 KiB; the last frame |
    | `reconnect` | no | `Reconnect`; the last frame |

    A comment line follows 15 s of silence. After the id of `run.finished` there is nothing: 204.

    Args:
        run_id (str):
        after (str | Unset):
        last_event_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Frame | Problem
    """

    return sync_detailed(
        run_id=run_id,
        client=client,
        after=after,
        last_event_id=last_event_id,
    ).parsed


async def asyncio_detailed(
    run_id: str,
    *,
    client: AuthenticatedClient | Client,
    after: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Response[Any | Frame | Problem]:
    """Follow the events of a run

     From the first event, or after the one that is named. Needs the scope `read`.

    | event | id | data |
    |---|---|---|
    | `node.started` | yes | `NodeStarted` |
    | `node.attempt` | yes | `NodeAttempt` |
    | `chunk` | yes | `Chunk` |
    | `node.reset` | yes | `NodeReset` |
    | `node.finished` | yes | `NodeFinished` |
    | `run.finished` | yes | `Run`, without an input or output over 64 KiB; the last frame |
    | `reconnect` | no | `Reconnect`; the last frame |

    A comment line follows 15 s of silence. After the id of `run.finished` there is nothing: 204.

    Args:
        run_id (str):
        after (str | Unset):
        last_event_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Frame | Problem]
    """

    kwargs = _get_kwargs(
        run_id=run_id,
        after=after,
        last_event_id=last_event_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    run_id: str,
    *,
    client: AuthenticatedClient | Client,
    after: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Any | Frame | Problem | None:
    """Follow the events of a run

     From the first event, or after the one that is named. Needs the scope `read`.

    | event | id | data |
    |---|---|---|
    | `node.started` | yes | `NodeStarted` |
    | `node.attempt` | yes | `NodeAttempt` |
    | `chunk` | yes | `Chunk` |
    | `node.reset` | yes | `NodeReset` |
    | `node.finished` | yes | `NodeFinished` |
    | `run.finished` | yes | `Run`, without an input or output over 64 KiB; the last frame |
    | `reconnect` | no | `Reconnect`; the last frame |

    A comment line follows 15 s of silence. After the id of `run.finished` there is nothing: 204.

    Args:
        run_id (str):
        after (str | Unset):
        last_event_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Frame | Problem
    """

    return (
        await asyncio_detailed(
            run_id=run_id,
            client=client,
            after=after,
            last_event_id=last_event_id,
        )
    ).parsed
