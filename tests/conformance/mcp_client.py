"""The MCP client of PyPI as its users call it, in both eras of the protocol."""

import asyncio
import json

import httpx2
from checks import check, equal, world
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

url, keys = world["url"], world["keys"]


def with_client(use, mode, key=keys["good"]):
    """Connects, calls the function with the client, and returns what it returns."""

    async def run():
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            async with Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client:
                return await use(client)

    return asyncio.run(run())


for mode, version in {"auto": "2026-07-28", "legacy": "2025-11-25", "2026-07-28": "2026-07-28"}.items():

    @check(f"{mode}: the revision {version} is agreed on")
    def _():
        async def use(client):
            return client.session.protocol_version

        equal(with_client(use, mode), version)

    @check(f"{mode}: list_tools has the workflows of the key")
    def _():
        async def use(client):
            return (await client.list_tools()).tools

        tools = {tool.name: tool for tool in with_client(use, mode)}
        equal(sorted(tools), sorted(["cancel_run", "echo", "failing", "files", "get_run", "greeting", "long", "say", "slow"]))
        equal((tools["greeting"].title, tools["greeting"].input_schema["required"]), ("Greeting", ["name"]))

    @check(f"{mode}: call_tool returns text and structure")
    def _():
        async def use(client):
            await client.list_tools()
            return await client.call_tool("greeting", {"name": "Ada ✅", "n": 2})

        result, output = with_client(use, mode), {"greeting": "Hello Ada ✅ x2"}
        equal((result.is_error, result.structured_content), (False, output))
        equal(json.loads(result.content[0].text), output)

    @check(f"{mode}: a failed run and wrong arguments are results")
    def _():
        async def use(client):
            await client.list_tools()
            return [await client.call_tool("failing", {}), await client.call_tool("greeting", {"n": "x"})]

        failed, wrong = with_client(use, mode)
        assert failed.is_error and "no luck" in failed.content[0].text, failed
        assert wrong.is_error and "name" in wrong.content[0].text and "n must" in wrong.content[0].text, wrong

    @check(f"{mode}: an unknown tool is an error of the protocol")
    def _():
        async def use(client):
            try:
                return await client.call_tool("nowhere", {})
            except MCPError as error:
                return error.error.code

        equal(with_client(use, mode), -32602)

    @check(f"{mode}: progress comes before the result")
    def _():
        seen = []

        async def use(client):
            async def progress(done, total, message):
                seen.append((done, message))

            return await client.call_tool("slow", {}, progress_callback=progress)

        result = with_client(use, mode)
        equal(result.structured_content, {"said": "one two three four five six"})
        equal(seen, [(1, "a started"), (2, "a succeeded")])

    @check(f"{mode}: a key without the scope is refused")
    def _():
        async def use(client):
            return await client.list_tools()

        try:
            found = with_client(use, mode, keys["read_only"])
        except BaseException as error:
            assert "scope" in repr(error) or "403" in repr(error) or "scope" in str(getattr(error, "exceptions", "")), repr(error)
        else:
            raise AssertionError(f"nothing was raised, but {found!r} returned")
