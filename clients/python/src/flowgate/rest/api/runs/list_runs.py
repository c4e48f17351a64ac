import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.run_list import RunList
from ...models.run_status import RunStatus
from ...types import UNSET, Response, Unset


def _get_kwargs(
    workflow_id: str,
    *,
    status: RunStatus | Unset = UNSET,
    user: str | Unset = UNSET,
    code: str | Unset = UNSET,
    node: str | Unset = UNSET,
    version: str | Unset = UNSET,
    key: str | Unset = UNSET,
    min_duration_ms: int | Unset = UNSET,
    created_from: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    include: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
) -> dict[str, Any]:
    params: dict[str, Any] = {}

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status.value

    params["status"] = json_status

    params["user"] = user

    params["code"] = code

    params["node"] = node

    params["version"] = version

    params["key"] = key

    params["min_duration_ms"] = min_duration_ms

    json_created_from: str | Unset = UNSET
    if not isinstance(created_from, Unset):
        json_created_from = created_from.isoformat()
    params["created_from"] = json_created_from

    json_created_before: str | Unset = UNSET
    if not isinstance(created_before, Unset):
        json_created_before = created_before.isoformat()
    params["created_before"] = json_created_before

    params["q"] = q

    params["include"] = include

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/workflows/{workflow_id}/runs".format(
            workflow_id=quote(str(workflow_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | RunList | None:
    if response.status_code == 200:
        response_200 = RunList.from_dict(response.json())

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
) -> Response[Problem | RunList]:
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
    status: RunStatus | Unset = UNSET,
    user: str | Unset = UNSET,
    code: str | Unset = UNSET,
    node: str | Unset = UNSET,
    version: str | Unset = UNSET,
    key: str | Unset = UNSET,
    min_duration_ms: int | Unset = UNSET,
    created_from: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    include: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
) -> Response[Problem | RunList]:
    """List the runs of a workflow

     Newest first. Needs the scope `read`.

    Args:
        workflow_id (str):
        status (RunStatus | Unset): Where a run stands.
        user (str | Unset):
        code (str | Unset):
        node (str | Unset):
        version (str | Unset):
        key (str | Unset):
        min_duration_ms (int | Unset):
        created_from (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        created_before (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        q (str | Unset):
        include (str | Unset):
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | RunList]
    """

    kwargs = _get_kwargs(
        workflow_id=workflow_id,
        status=status,
        user=user,
        code=code,
        node=node,
        version=version,
        key=key,
        min_duration_ms=min_duration_ms,
        created_from=created_from,
        created_before=created_before,
        q=q,
        include=include,
        limit=limit,
        cursor=cursor,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    status: RunStatus | Unset = UNSET,
    user: str | Unset = UNSET,
    code: str | Unset = UNSET,
    node: str | Unset = UNSET,
    version: str | Unset = UNSET,
    key: str | Unset = UNSET,
    min_duration_ms: int | Unset = UNSET,
    created_from: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    include: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
) -> Problem | RunList | None:
    """List the runs of a workflow

     Newest first. Needs the scope `read`.

    Args:
        workflow_id (str):
        status (RunStatus | Unset): Where a run stands.
        user (str | Unset):
        code (str | Unset):
        node (str | Unset):
        version (str | Unset):
        key (str | Unset):
        min_duration_ms (int | Unset):
        created_from (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        created_before (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        q (str | Unset):
        include (str | Unset):
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | RunList
    """

    return sync_detailed(
        workflow_id=workflow_id,
        client=client,
        status=status,
        user=user,
        code=code,
        node=node,
        version=version,
        key=key,
        min_duration_ms=min_duration_ms,
        created_from=created_from,
        created_before=created_before,
        q=q,
        include=include,
        limit=limit,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    status: RunStatus | Unset = UNSET,
    user: str | Unset = UNSET,
    code: str | Unset = UNSET,
    node: str | Unset = UNSET,
    version: str | Unset = UNSET,
    key: str | Unset = UNSET,
    min_duration_ms: int | Unset = UNSET,
    created_from: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    include: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
) -> Response[Problem | RunList]:
    """List the runs of a workflow

     Newest first. Needs the scope `read`.

    Args:
        workflow_id (str):
        status (RunStatus | Unset): Where a run stands.
        user (str | Unset):
        code (str | Unset):
        node (str | Unset):
        version (str | Unset):
        key (str | Unset):
        min_duration_ms (int | Unset):
        created_from (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        created_before (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        q (str | Unset):
        include (str | Unset):
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | RunList]
    """

    kwargs = _get_kwargs(
        workflow_id=workflow_id,
        status=status,
        user=user,
        code=code,
        node=node,
        version=version,
        key=key,
        min_duration_ms=min_duration_ms,
        created_from=created_from,
        created_before=created_before,
        q=q,
        include=include,
        limit=limit,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    workflow_id: str,
    *,
    client: AuthenticatedClient | Client,
    status: RunStatus | Unset = UNSET,
    user: str | Unset = UNSET,
    code: str | Unset = UNSET,
    node: str | Unset = UNSET,
    version: str | Unset = UNSET,
    key: str | Unset = UNSET,
    min_duration_ms: int | Unset = UNSET,
    created_from: datetime.datetime | Unset = UNSET,
    created_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    include: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
) -> Problem | RunList | None:
    """List the runs of a workflow

     Newest first. Needs the scope `read`.

    Args:
        workflow_id (str):
        status (RunStatus | Unset): Where a run stands.
        user (str | Unset):
        code (str | Unset):
        node (str | Unset):
        version (str | Unset):
        key (str | Unset):
        min_duration_ms (int | Unset):
        created_from (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        created_before (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        q (str | Unset):
        include (str | Unset):
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | RunList
    """

    return (
        await asyncio_detailed(
            workflow_id=workflow_id,
            client=client,
            status=status,
            user=user,
            code=code,
            node=node,
            version=version,
            key=key,
            min_duration_ms=min_duration_ms,
            created_from=created_from,
            created_before=created_before,
            q=q,
            include=include,
            limit=limit,
            cursor=cursor,
        )
    ).parsed
