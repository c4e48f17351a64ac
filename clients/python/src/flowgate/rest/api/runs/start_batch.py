from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.batch_result import BatchResult
from ...models.problem import Problem
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    workflow_id: str,
    *,
    body: File,
    version: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    params: dict[str, Any] = {}

    params["version"] = version

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/workflows/{workflow_id}/batch".format(
            workflow_id=quote(str(workflow_id), safe=""),
        ),
        "params": params,
    }

    _kwargs["content"] = body.payload
    headers["Content-Type"] = "application/jsonl"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> BatchResult | Problem | None:
    if response.status_code == 200:
        response_200 = BatchResult.from_dict(response.content)

        return response_200

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
) -> Response[BatchResult | Problem]:
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
    body: File,
    version: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[BatchResult | Problem]:
    """Run a workflow for many inputs

     Each line of the body is the body of a start; at most 1,000. All lines are checked before the
    first one starts. Eight runs go on at a time, and each result is a line of the answer
    (`BatchResult`) as soon as its run ends; while none does, the answer has an empty line every
    15 s. Where the key's limits refuse a start, it is tried again when they allow it. A line that
    is not started any more, because the answer took too long or the server stops, has the problem
    `overloaded`: with an `Idempotency-Key` the same batch, sent again, starts those and waits for
    the others. A caller who goes away cancels no run that has begun. Needs the scope `run`.

    Args:
        workflow_id (str):
        version (str | Unset):
        idempotency_key (str | Unset):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BatchResult | Problem]
    """

    kwargs = _get_kwargs(
        workflow_id=workflow_id,
        body=body,
        version=version,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: File,
    version: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> BatchResult | Problem | None:
    """Run a workflow for many inputs

     Each line of the body is the body of a start; at most 1,000. All lines are checked before the
    first one starts. Eight runs go on at a time, and each result is a line of the answer
    (`BatchResult`) as soon as its run ends; while none does, the answer has an empty line every
    15 s. Where the key's limits refuse a start, it is tried again when they allow it. A line that
    is not started any more, because the answer took too long or the server stops, has the problem
    `overloaded`: with an `Idempotency-Key` the same batch, sent again, starts those and waits for
    the others. A caller who goes away cancels no run that has begun. Needs the scope `run`.

    Args:
        workflow_id (str):
        version (str | Unset):
        idempotency_key (str | Unset):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BatchResult | Problem
    """

    return sync_detailed(
        workflow_id=workflow_id,
        client=client,
        body=body,
        version=version,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: File,
    version: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[BatchResult | Problem]:
    """Run a workflow for many inputs

     Each line of the body is the body of a start; at most 1,000. All lines are checked before the
    first one starts. Eight runs go on at a time, and each result is a line of the answer
    (`BatchResult`) as soon as its run ends; while none does, the answer has an empty line every
    15 s. Where the key's limits refuse a start, it is tried again when they allow it. A line that
    is not started any more, because the answer took too long or the server stops, has the problem
    `overloaded`: with an `Idempotency-Key` the same batch, sent again, starts those and waits for
    the others. A caller who goes away cancels no run that has begun. Needs the scope `run`.

    Args:
        workflow_id (str):
        version (str | Unset):
        idempotency_key (str | Unset):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BatchResult | Problem]
    """

    kwargs = _get_kwargs(
        workflow_id=workflow_id,
        body=body,
        version=version,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: File,
    version: str | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> BatchResult | Problem | None:
    """Run a workflow for many inputs

     Each line of the body is the body of a start; at most 1,000. All lines are checked before the
    first one starts. Eight runs go on at a time, and each result is a line of the answer
    (`BatchResult`) as soon as its run ends; while none does, the answer has an empty line every
    15 s. Where the key's limits refuse a start, it is tried again when they allow it. A line that
    is not started any more, because the answer took too long or the server stops, has the problem
    `overloaded`: with an `Idempotency-Key` the same batch, sent again, starts those and waits for
    the others. A caller who goes away cancels no run that has begun. Needs the scope `run`.

    Args:
        workflow_id (str):
        version (str | Unset):
        idempotency_key (str | Unset):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BatchResult | Problem
    """

    return (
        await asyncio_detailed(
            workflow_id=workflow_id,
            client=client,
            body=body,
            version=version,
            idempotency_key=idempotency_key,
        )
    ).parsed
