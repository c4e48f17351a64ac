from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.begun_login import BegunLogin
from ...models.browser_login import BrowserLogin
from ...models.problem import Problem
from ...types import Response


def _get_kwargs(
    name: str,
    *,
    body: BrowserLogin,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/secrets/{name}/login".format(
            name=quote(str(name), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> BegunLogin | Problem | None:
    if response.status_code == 201:
        response_201 = BegunLogin.from_dict(response.json())

        return response_201

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

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
) -> Response[BegunLogin | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    name: str,
    *,
    client: AuthenticatedClient | Client,
    body: BrowserLogin,
) -> Response[BegunLogin | Problem]:
    """Begin a login

     Of a secret that is a login, or that does not exist yet. A person opens the address that is
    answered, within ten minutes; until the login has ended, the one before stays valid. Needs the
    scope `author`, for all workflows.

    Args:
        name (str):
        body (BrowserLogin): Starts a login in a browser.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BegunLogin | Problem]
    """

    kwargs = _get_kwargs(
        name=name,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    name: str,
    *,
    client: AuthenticatedClient | Client,
    body: BrowserLogin,
) -> BegunLogin | Problem | None:
    """Begin a login

     Of a secret that is a login, or that does not exist yet. A person opens the address that is
    answered, within ten minutes; until the login has ended, the one before stays valid. Needs the
    scope `author`, for all workflows.

    Args:
        name (str):
        body (BrowserLogin): Starts a login in a browser.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BegunLogin | Problem
    """

    return sync_detailed(
        name=name,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    name: str,
    *,
    client: AuthenticatedClient | Client,
    body: BrowserLogin,
) -> Response[BegunLogin | Problem]:
    """Begin a login

     Of a secret that is a login, or that does not exist yet. A person opens the address that is
    answered, within ten minutes; until the login has ended, the one before stays valid. Needs the
    scope `author`, for all workflows.

    Args:
        name (str):
        body (BrowserLogin): Starts a login in a browser.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BegunLogin | Problem]
    """

    kwargs = _get_kwargs(
        name=name,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    name: str,
    *,
    client: AuthenticatedClient | Client,
    body: BrowserLogin,
) -> BegunLogin | Problem | None:
    """Begin a login

     Of a secret that is a login, or that does not exist yet. A person opens the address that is
    answered, within ten minutes; until the login has ended, the one before stays valid. Needs the
    scope `author`, for all workflows.

    Args:
        name (str):
        body (BrowserLogin): Starts a login in a browser.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BegunLogin | Problem
    """

    return (
        await asyncio_detailed(
            name=name,
            client=client,
            body=body,
        )
    ).parsed
