from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.opening import Opening
from ...models.problem import Problem
from ...models.public_workflow import PublicWorkflow
from ...types import Response


def _get_kwargs(
    workflow_id: str,
    *,
    body: Opening,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/v1/workflows/{workflow_id}/public".format(
            workflow_id=quote(str(workflow_id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | PublicWorkflow | None:
    if response.status_code == 200:
        response_200 = PublicWorkflow.from_dict(response.json())

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

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = Problem.from_dict(response.json())

        return response_415

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
) -> Response[Problem | PublicWorkflow]:
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
    body: Opening,
) -> Response[Problem | PublicWorkflow]:
    """Make a workflow public

     Whoever has no key then runs the active version in Sim's API, waiting or streaming, on behalf of
    this one: its limits and its budget count, its end ends it, and its rotation goes on with the
    new key. They can do nothing else. Replaces the key that was attached before. 409
    `no_public_workflows` where the operator does not allow it. Needs the scope `admin`,
    for all workflows.

    Args:
        workflow_id (str):
        body (Opening): Who callers without a key are.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | PublicWorkflow]
    """

    kwargs = _get_kwargs(
        workflow_id=workflow_id,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: Opening,
) -> Problem | PublicWorkflow | None:
    """Make a workflow public

     Whoever has no key then runs the active version in Sim's API, waiting or streaming, on behalf of
    this one: its limits and its budget count, its end ends it, and its rotation goes on with the
    new key. They can do nothing else. Replaces the key that was attached before. 409
    `no_public_workflows` where the operator does not allow it. Needs the scope `admin`,
    for all workflows.

    Args:
        workflow_id (str):
        body (Opening): Who callers without a key are.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | PublicWorkflow
    """

    return sync_detailed(
        workflow_id=workflow_id,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: Opening,
) -> Response[Problem | PublicWorkflow]:
    """Make a workflow public

     Whoever has no key then runs the active version in Sim's API, waiting or streaming, on behalf of
    this one: its limits and its budget count, its end ends it, and its rotation goes on with the
    new key. They can do nothing else. Replaces the key that was attached before. 409
    `no_public_workflows` where the operator does not allow it. Needs the scope `admin`,
    for all workflows.

    Args:
        workflow_id (str):
        body (Opening): Who callers without a key are.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | PublicWorkflow]
    """

    kwargs = _get_kwargs(
        workflow_id=workflow_id,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: Opening,
) -> Problem | PublicWorkflow | None:
    """Make a workflow public

     Whoever has no key then runs the active version in Sim's API, waiting or streaming, on behalf of
    this one: its limits and its budget count, its end ends it, and its rotation goes on with the
    new key. They can do nothing else. Replaces the key that was attached before. 409
    `no_public_workflows` where the operator does not allow it. Needs the scope `admin`,
    for all workflows.

    Args:
        workflow_id (str):
        body (Opening): Who callers without a key are.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | PublicWorkflow
    """

    return (
        await asyncio_detailed(
            workflow_id=workflow_id,
            client=client,
            body=body,
        )
    ).parsed
