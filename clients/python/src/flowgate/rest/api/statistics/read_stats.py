import datetime
from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.stats import Stats
from ...models.stats_by import StatsBy
from ...models.stats_step import StatsStep
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    workflow: str | Unset = UNSET,
    from_: datetime.datetime | Unset = UNSET,
    to: datetime.datetime | Unset = UNSET,
    step: StatsStep | Unset = UNSET,
    by: StatsBy | Unset = UNSET,
) -> dict[str, Any]:
    params: dict[str, Any] = {}

    params["workflow"] = workflow

    json_from_: str | Unset = UNSET
    if not isinstance(from_, Unset):
        json_from_ = from_.isoformat()
    params["from"] = json_from_

    json_to: str | Unset = UNSET
    if not isinstance(to, Unset):
        json_to = to.isoformat()
    params["to"] = json_to

    json_step: str | Unset = UNSET
    if not isinstance(step, Unset):
        json_step = step.value

    params["step"] = json_step

    json_by: str | Unset = UNSET
    if not isinstance(by, Unset):
        json_by = by.value

    params["by"] = json_by

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/stats",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | Stats | None:
    if response.status_code == 200:
        response_200 = Stats.from_dict(response.json())

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
) -> Response[Problem | Stats]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    workflow: str | Unset = UNSET,
    from_: datetime.datetime | Unset = UNSET,
    to: datetime.datetime | Unset = UNSET,
    step: StatsStep | Unset = UNSET,
    by: StatsBy | Unset = UNSET,
) -> Response[Problem | Stats]:
    """Sum up runs

     From counters that each run raises when it ends, kept for 92 days; no run is read. On one
    machine they are exact. On AWS a crash right after a run's end may leave it out. Needs the
    scope `read`.

    Args:
        workflow (str | Unset):
        from_ (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        to (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        step (StatsStep | Unset):
        by (StatsBy | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Stats]
    """

    kwargs = _get_kwargs(
        workflow=workflow,
        from_=from_,
        to=to,
        step=step,
        by=by,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    workflow: str | Unset = UNSET,
    from_: datetime.datetime | Unset = UNSET,
    to: datetime.datetime | Unset = UNSET,
    step: StatsStep | Unset = UNSET,
    by: StatsBy | Unset = UNSET,
) -> Problem | Stats | None:
    """Sum up runs

     From counters that each run raises when it ends, kept for 92 days; no run is read. On one
    machine they are exact. On AWS a crash right after a run's end may leave it out. Needs the
    scope `read`.

    Args:
        workflow (str | Unset):
        from_ (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        to (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        step (StatsStep | Unset):
        by (StatsBy | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Stats
    """

    return sync_detailed(
        client=client,
        workflow=workflow,
        from_=from_,
        to=to,
        step=step,
        by=by,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    workflow: str | Unset = UNSET,
    from_: datetime.datetime | Unset = UNSET,
    to: datetime.datetime | Unset = UNSET,
    step: StatsStep | Unset = UNSET,
    by: StatsBy | Unset = UNSET,
) -> Response[Problem | Stats]:
    """Sum up runs

     From counters that each run raises when it ends, kept for 92 days; no run is read. On one
    machine they are exact. On AWS a crash right after a run's end may leave it out. Needs the
    scope `read`.

    Args:
        workflow (str | Unset):
        from_ (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        to (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        step (StatsStep | Unset):
        by (StatsBy | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Stats]
    """

    kwargs = _get_kwargs(
        workflow=workflow,
        from_=from_,
        to=to,
        step=step,
        by=by,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    workflow: str | Unset = UNSET,
    from_: datetime.datetime | Unset = UNSET,
    to: datetime.datetime | Unset = UNSET,
    step: StatsStep | Unset = UNSET,
    by: StatsBy | Unset = UNSET,
) -> Problem | Stats | None:
    """Sum up runs

     From counters that each run raises when it ends, kept for 92 days; no run is read. On one
    machine they are exact. On AWS a crash right after a run's end may leave it out. Needs the
    scope `read`.

    Args:
        workflow (str | Unset):
        from_ (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        to (datetime.datetime | Unset): RFC 3339 with milliseconds, UTC.
        step (StatsStep | Unset):
        by (StatsBy | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Stats
    """

    return (
        await asyncio_detailed(
            client=client,
            workflow=workflow,
            from_=from_,
            to=to,
            step=step,
            by=by,
        )
    ).parsed
