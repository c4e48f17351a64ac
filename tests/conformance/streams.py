"""Event streams as requests, httpx and aiohttp read them, line by line, with what each takes for the end of a line."""

import asyncio
import json

import aiohttp
import httpx
import requests
from checks import check, equal, world

url, key = world["url"], world["keys"]["good"]
TEXT = "ok ✅ a\u0085b\u2028c\u2029d\u000be\u001cf 🎉👩‍🚀 end"
HEADERS = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
NATIVE = (f"{url}/v1/workflows/say/runs", {"input": {"text": TEXT}})
SELECTED = {"stream": True, "selectedOutputs": ["say.content"]}
SIM = (f"{url}/api/workflows/say/execute", {"text": TEXT, **SELECTED})
SIM_V2 = (f"{url}/api/v2/workflows/say/execute", {"input": {"text": TEXT}, **SELECTED})


def said(lines):
    """Joins the text of a stream's lines. A line that was cut fails."""
    text = ""
    for line in filter(None, lines):
        field, _, value = line.partition(": ")
        assert field in ("data", "event", "id", ""), f"a cut line: {line!r}"
        if field == "data" and value.startswith("{"):
            data = json.loads(value)
            text += data.get("text", data.get("chunk", ""))
    return text


for name, (path, body) in {"native": NATIVE, "sim": SIM, "sim v2": SIM_V2}.items():

    @check(f"requests: {name}")
    def _():
        with requests.post(path, json=body, headers=HEADERS, stream=True) as answer:
            # Without a charset it would be read as ISO-8859-1.
            equal(answer.encoding, "utf-8")
            equal(said(answer.iter_lines(decode_unicode=True)), TEXT)

    @check(f"httpx: {name}")
    def _():
        with httpx.stream("POST", path, json=body, headers=HEADERS) as answer:
            equal(said(answer.iter_lines()), TEXT)

    @check(f"aiohttp: {name}")
    def _():
        async def read():
            async with aiohttp.ClientSession() as session, session.post(path, json=body, headers=HEADERS) as answer:
                equal((answer.content_type, answer.charset), ("text/event-stream", "utf-8"))
                return said((await answer.text()).splitlines())

        equal(asyncio.run(read()), TEXT)


@check("a byte order mark, and a proxy's credential beside the key")
def _():
    headers = {"Authorization": "Basic dTpw", "X-API-Key": key, "Content-Type": "application/json"}
    body = "\ufeff" + json.dumps({"input": {"text": "hi"}})
    answer = requests.post(NATIVE[0], data=body.encode(), headers=headers)
    equal((answer.status_code, answer.json()["output"]), (200, {"said": "hi"}))
