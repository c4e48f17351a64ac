from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.bulk_replay import BulkReplay
from ...models.job import Job
from ...models.problem import Problem
from ...types import Response


def _get_kwargs(
    *,
    body: BulkReplay,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/runs/replay",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Job | Problem | None:
    if response.status_code == 202:
        response_202 = Job.from_dict(response.json())

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

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = Problem.from_dict(response.json())

        return response_415

    if response.status_code == 422:
        response_422 = Problem.from_dict(response.json())

        return response_422

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
) -> Response[Job | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: BulkReplay,
) -> Response[Job | Problem]:
    """Replay many runs

     By a job, each once, as `replay_run` does it: the runs that are named, or those that exist now
    and meet the conditions. They begin as the limits of the key allow. A run that the key may not
    use fails in the job's progress. Needs the scopes `run` and `read`.

    Args:
        body (BulkReplay): Which runs are repeated, and how: those that are named, or those that
            meet the conditions.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Job | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: BulkReplay,
) -> Job | Problem | None:
    """Replay many runs

     By a job, each once, as `replay_run` does it: the runs that are named, or those that exist now
    and meet the conditions. They begin as the limits of the key allow. A run that the key may not
    use fails in the job's progress. Needs the scopes `run` and `read`.

    Args:
        body (BulkReplay): Which runs are repeated, and how: those that are named, or those that
            meet the conditions.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Job | Problem
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: BulkReplay,
) -> Response[Job | Problem]:
    """Replay many runs

     By a job, each once, as `replay_run` does it: the runs that are named, or those that exist now
    and meet the conditions. They begin as the limits of the key allow. A run that the key may not
    use fails in the job's progress. Needs the scopes `run` and `read`.

    Args:
        body (BulkReplay): Which runs are repeated, and how: those that are named, or those that
            meet the conditions.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Job | Problem]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: BulkReplay,
) -> Job | Problem | None:
    """Replay many runs

     By a job, each once, as `replay_run` does it: the runs that are named, or those that exist now
    and meet the conditions. They begin as the limits of the key allow. A run that the key may not
    use fails in the job's progress. Needs the scopes `run` and `read`.

    Args:
        body (BulkReplay): Which runs are repeated, and how: those that are named, or those that
            meet the conditions.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Job | Problem
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
