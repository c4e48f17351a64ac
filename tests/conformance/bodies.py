"""A large body that is refused, as urllib, requests, httpx and aiohttp send it: they read nothing before they have sent all."""

import asyncio
import urllib.error
import urllib.request

import aiohttp
import httpx
import requests
from checks import check, equal, world

url, key = world["url"], world["keys"]["good"]
BODY = b'{"input":{"text":"' + b"x" * (8 << 20) + b'"}}'
PATHS = [
    "/v1/workflows/say/runs",
    "/v1/workflow/invoke",
    "/api/workflows/say/execute",
    "/api/v2/workflows/say/execute",
    "/v1/flow/say/run",
]


def too_large(path):
    # GPTBots has no status for it.
    return 400 if path == "/v1/workflow/invoke" else 413


def by_urllib(path, headers):
    request = urllib.request.Request(url + path, data=BODY, headers=headers)
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as refusal:
        return refusal.status


def by_aiohttp(path, headers):
    async def send():
        async with aiohttp.ClientSession() as session, session.post(url + path, data=BODY, headers=headers) as answer:
            return answer.status

    return asyncio.run(send())


CLIENTS = {
    "urllib": by_urllib,
    "requests": lambda path, headers: requests.post(url + path, data=BODY, headers=headers).status_code,
    "httpx": lambda path, headers: httpx.post(url + path, content=BODY, headers=headers).status_code,
    "aiohttp": by_aiohttp,
}

for name, send in CLIENTS.items():

    @check(f"{name} reads why a large body is refused")
    def _():
        for path in PATHS:
            statuses = [
                send(path, {"Authorization": f"Bearer {given}", "Content-Type": "application/json"}) for given in ("wrong", key)
            ]
            equal([path, *statuses], [path, 401, too_large(path)])
