from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.announced_file import AnnouncedFile
from ...models.new_file import NewFile
from ...models.problem import Problem
from ...models.stored_file import StoredFile
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    *,
    body: NewFile | File | Unset = UNSET,
    name: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    params["name"] = name

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/files",
        "params": params,
    }

    if isinstance(body, NewFile):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"
    if isinstance(body, File):
        _kwargs["content"] = body.payload
        headers["Content-Type"] = "application/octet-stream"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> AnnouncedFile | Problem | StoredFile | None:
    if response.status_code == 201:
        response_201 = StoredFile.from_dict(response.json())

        return response_201

    if response.status_code == 202:
        response_202 = AnnouncedFile.from_dict(response.json())

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

    if response.status_code == 413:
        response_413 = Problem.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = Problem.from_dict(response.json())

        return response_415

    if response.status_code == 429:
        response_429 = Problem.from_dict(response.json())

        return response_429

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
) -> Response[AnnouncedFile | Problem | StoredFile]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: NewFile | File | Unset = UNSET,
    name: str | Unset = UNSET,
) -> Response[AnnouncedFile | Problem | StoredFile]:
    """Upload a file

     At most 50 MiB: the bytes as the body, with their type as `Content-Type` and their name as
    `name`; or the one part of a form (`multipart/form-data`). As `application/json` without `name`,
    the body announces a file whose bytes come later, by the request in the answer: so larger files
    get round the limits of a gateway. A file that no run has used is deleted after 24 hours; any
    other with the last run that has it. Needs the scope `run`.

    Args:
        name (str | Unset):
        body (NewFile): What is announced of a file whose bytes come later.
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AnnouncedFile | Problem | StoredFile]
    """

    kwargs = _get_kwargs(
        body=body,
        name=name,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: NewFile | File | Unset = UNSET,
    name: str | Unset = UNSET,
) -> AnnouncedFile | Problem | StoredFile | None:
    """Upload a file

     At most 50 MiB: the bytes as the body, with their type as `Content-Type` and their name as
    `name`; or the one part of a form (`multipart/form-data`). As `application/json` without `name`,
    the body announces a file whose bytes come later, by the request in the answer: so larger files
    get round the limits of a gateway. A file that no run has used is deleted after 24 hours; any
    other with the last run that has it. Needs the scope `run`.

    Args:
        name (str | Unset):
        body (NewFile): What is announced of a file whose bytes come later.
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AnnouncedFile | Problem | StoredFile
    """

    return sync_detailed(
        client=client,
        body=body,
        name=name,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: NewFile | File | Unset = UNSET,
    name: str | Unset = UNSET,
) -> Response[AnnouncedFile | Problem | StoredFile]:
    """Upload a file

     At most 50 MiB: the bytes as the body, with their type as `Content-Type` and their name as
    `name`; or the one part of a form (`multipart/form-data`). As `application/json` without `name`,
    the body announces a file whose bytes come later, by the request in the answer: so larger files
    get round the limits of a gateway. A file that no run has used is deleted after 24 hours; any
    other with the last run that has it. Needs the scope `run`.

    Args:
        name (str | Unset):
        body (NewFile): What is announced of a file whose bytes come later.
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AnnouncedFile | Problem | StoredFile]
    """

    kwargs = _get_kwargs(
        body=body,
        name=name,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: NewFile | File | Unset = UNSET,
    name: str | Unset = UNSET,
) -> AnnouncedFile | Problem | StoredFile | None:
    """Upload a file

     At most 50 MiB: the bytes as the body, with their type as `Content-Type` and their name as
    `name`; or the one part of a form (`multipart/form-data`). As `application/json` without `name`,
    the body announces a file whose bytes come later, by the request in the answer: so larger files
    get round the limits of a gateway. A file that no run has used is deleted after 24 hours; any
    other with the last run that has it. Needs the scope `run`.

    Args:
        name (str | Unset):
        body (NewFile): What is announced of a file whose bytes come later.
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AnnouncedFile | Problem | StoredFile
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            name=name,
        )
    ).parsed
