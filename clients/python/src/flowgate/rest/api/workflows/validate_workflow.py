from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.validate_workflow_json_body import ValidateWorkflowJsonBody
from ...models.validated import Validated
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    *,
    body: ValidateWorkflowJsonBody | File | Unset = UNSET,
    workflow: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    params["workflow"] = workflow

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/workflows/validate",
        "params": params,
    }

    if isinstance(body, ValidateWorkflowJsonBody):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"
    if isinstance(body, File):
        _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/yaml"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | Validated | None:
    if response.status_code == 200:
        response_200 = Validated.from_dict(response.json())

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

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | Validated]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ValidateWorkflowJsonBody | File | Unset = UNSET,
    workflow: str | Unset = UNSET,
) -> Response[Problem | Validated]:
    """Check a document

     Says what saving it as a draft would say, and stores nothing. Needs the scope `author`.

    Args:
        workflow (str | Unset):
        body (ValidateWorkflowJsonBody):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Validated]
    """

    kwargs = _get_kwargs(
        body=body,
        workflow=workflow,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: ValidateWorkflowJsonBody | File | Unset = UNSET,
    workflow: str | Unset = UNSET,
) -> Problem | Validated | None:
    """Check a document

     Says what saving it as a draft would say, and stores nothing. Needs the scope `author`.

    Args:
        workflow (str | Unset):
        body (ValidateWorkflowJsonBody):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Validated
    """

    return sync_detailed(
        client=client,
        body=body,
        workflow=workflow,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ValidateWorkflowJsonBody | File | Unset = UNSET,
    workflow: str | Unset = UNSET,
) -> Response[Problem | Validated]:
    """Check a document

     Says what saving it as a draft would say, and stores nothing. Needs the scope `author`.

    Args:
        workflow (str | Unset):
        body (ValidateWorkflowJsonBody):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Validated]
    """

    kwargs = _get_kwargs(
        body=body,
        workflow=workflow,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: ValidateWorkflowJsonBody | File | Unset = UNSET,
    workflow: str | Unset = UNSET,
) -> Problem | Validated | None:
    """Check a document

     Says what saving it as a draft would say, and stores nothing. Needs the scope `author`.

    Args:
        workflow (str | Unset):
        body (ValidateWorkflowJsonBody):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Validated
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            workflow=workflow,
        )
    ).parsed
