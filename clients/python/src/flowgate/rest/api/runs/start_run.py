from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.run import Run
from ...models.start_run import StartRun
from ...types import UNSET, Response, Unset


def _get_kwargs(
    workflow_id: str,
    *,
    body: StartRun | Unset = UNSET,
    version: str | Unset = UNSET,
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

    params: dict[str, Any] = {}

    params["version"] = version

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/workflows/{workflow_id}/runs".format(
            workflow_id=quote(str(workflow_id), safe=""),
        ),
        "params": params,
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
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: StartRun | Unset = UNSET,
    version: str | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Response[Problem | Run]:
    """Start a run

     Waits for its end, follows it, or is accepted, as the headers say. With `Accept:
    text/event-stream` the first frame is `run.started` (`RunStarted`), then come the events that
    `follow_run` lists. A caller who goes away cancels nothing. Needs the scope `run`.

    Args:
        workflow_id (str):
        version (str | Unset):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (StartRun | Unset): A run to be started.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Run]
    """

    kwargs = _get_kwargs(
        workflow_id=workflow_id,
        body=body,
        version=version,
        prefer=prefer,
        idempotency_key=idempotency_key,
        last_event_id=last_event_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: StartRun | Unset = UNSET,
    version: str | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Problem | Run | None:
    """Start a run

     Waits for its end, follows it, or is accepted, as the headers say. With `Accept:
    text/event-stream` the first frame is `run.started` (`RunStarted`), then come the events that
    `follow_run` lists. A caller who goes away cancels nothing. Needs the scope `run`.

    Args:
        workflow_id (str):
        version (str | Unset):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (StartRun | Unset): A run to be started.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Run
    """

    return sync_detailed(
        workflow_id=workflow_id,
        client=client,
        body=body,
        version=version,
        prefer=prefer,
        idempotency_key=idempotency_key,
        last_event_id=last_event_id,
    ).parsed


async def asyncio_detailed(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: StartRun | Unset = UNSET,
    version: str | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Response[Problem | Run]:
    """Start a run

     Waits for its end, follows it, or is accepted, as the headers say. With `Accept:
    text/event-stream` the first frame is `run.started` (`RunStarted`), then come the events that
    `follow_run` lists. A caller who goes away cancels nothing. Needs the scope `run`.

    Args:
        workflow_id (str):
        version (str | Unset):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (StartRun | Unset): A run to be started.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Run]
    """

    kwargs = _get_kwargs(
        workflow_id=workflow_id,
        body=body,
        version=version,
        prefer=prefer,
        idempotency_key=idempotency_key,
        last_event_id=last_event_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: StartRun | Unset = UNSET,
    version: str | Unset = UNSET,
    prefer: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Problem | Run | None:
    """Start a run

     Waits for its end, follows it, or is accepted, as the headers say. With `Accept:
    text/event-stream` the first frame is `run.started` (`RunStarted`), then come the events that
    `follow_run` lists. A caller who goes away cancels nothing. Needs the scope `run`.

    Args:
        workflow_id (str):
        version (str | Unset):
        prefer (str | Unset):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (StartRun | Unset): A run to be started.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Run
    """

    return (
        await asyncio_detailed(
            workflow_id=workflow_id,
            client=client,
            body=body,
            version=version,
            prefer=prefer,
            idempotency_key=idempotency_key,
            last_event_id=last_event_id,
        )
    ).parsed
