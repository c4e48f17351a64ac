from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.replay_run import ReplayRun
from ...models.run import Run
from ...types import UNSET, Response, Unset


def _get_kwargs(
    run_id: str,
    *,
    body: ReplayRun | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(prefer, Unset):
        headers["Prefer"] = prefer

    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    if not isinstance(last_event_id, Unset):
        headers["Last-Event-ID"] = last_event_id

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/runs/{run_id}/replay".format(
            run_id=quote(str(run_id), safe=""),
        ),
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | Run | None:
    if response.status_code == 200:
        response_200 = Run.from_dict(response.json())

        return response_200

    if response.status_code == 202:
        response_202 = Run.from_dict(response.json())

        return response_202

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

    if response.status_code == 409:
        response_409 = Problem.from_dict(response.json())

        return response_409

    if response.status_code == 410:
        response_410 = Problem.from_dict(response.json())

        return response_410

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = Problem.from_dict(response.json())

        return response_415

    if response.status_code == 422:
        response_422 = Problem.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = Problem.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = Problem.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if response.status_code == 508:
        response_508 = Problem.from_dict(response.json())

        return response_508

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | Run]:
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
    body: ReplayRun | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Response[Problem | Run]:
    """Replay a run

     A new run of the same version with the same input, without webhooks. It takes over the recorded
    results of calls that succeeded, so that a failed run goes on from its failed node, and makes
    anew what depends on `from`, what failed, and calls that differ. A run that succeeded is made
    anew as a whole, unless `from`, `input`, `version` or `all` says otherwise. Waits, follows or is
    accepted as a start. Needs the scopes `run` and `read`; for drafts and parts of a workflow
    `author`, too.

    Args:
        run_id (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (ReplayRun | Unset): How a run is repeated.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Run]
    """

    kwargs = _get_kwargs(
        run_id=run_id,
        body=body,
        prefer=prefer,
        idempotency_key=idempotency_key,
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
    body: ReplayRun | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Problem | Run | None:
    """Replay a run

     A new run of the same version with the same input, without webhooks. It takes over the recorded
    results of calls that succeeded, so that a failed run goes on from its failed node, and makes
    anew what depends on `from`, what failed, and calls that differ. A run that succeeded is made
    anew as a whole, unless `from`, `input`, `version` or `all` says otherwise. Waits, follows or is
    accepted as a start. Needs the scopes `run` and `read`; for drafts and parts of a workflow
    `author`, too.

    Args:
        run_id (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (ReplayRun | Unset): How a run is repeated.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Run
    """

    return sync_detailed(
        run_id=run_id,
        client=client,
        body=body,
        prefer=prefer,
        idempotency_key=idempotency_key,
        last_event_id=last_event_id,
    ).parsed


async def asyncio_detailed(
    run_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: ReplayRun | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Response[Problem | Run]:
    """Replay a run

     A new run of the same version with the same input, without webhooks. It takes over the recorded
    results of calls that succeeded, so that a failed run goes on from its failed node, and makes
    anew what depends on `from`, what failed, and calls that differ. A run that succeeded is made
    anew as a whole, unless `from`, `input`, `version` or `all` says otherwise. Waits, follows or is
    accepted as a start. Needs the scopes `run` and `read`; for drafts and parts of a workflow
    `author`, too.

    Args:
        run_id (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (ReplayRun | Unset): How a run is repeated.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Run]
    """

    kwargs = _get_kwargs(
        run_id=run_id,
        body=body,
        prefer=prefer,
        idempotency_key=idempotency_key,
        last_event_id=last_event_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    run_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: ReplayRun | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Problem | Run | None:
    """Replay a run

     A new run of the same version with the same input, without webhooks. It takes over the recorded
    results of calls that succeeded, so that a failed run goes on from its failed node, and makes
    anew what depends on `from`, what failed, and calls that differ. A run that succeeded is made
    anew as a whole, unless `from`, `input`, `version` or `all` says otherwise. Waits, follows or is
    accepted as a start. Needs the scopes `run` and `read`; for drafts and parts of a workflow
    `author`, too.

    Args:
        run_id (str):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (ReplayRun | Unset): How a run is repeated.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Run
    """

    return (
        await asyncio_detailed(
            run_id=run_id,
            client=client,
            body=body,
            prefer=prefer,
            idempotency_key=idempotency_key,
            last_event_id=last_event_id,
        )
    ).parsed
