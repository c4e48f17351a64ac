"""PyPI's openai, unmodified, against workflows as models."""

import http.client
import http.server
import json
import threading
import urllib.parse

import openai
from checks import check, equal, raises, until, world

KEYS, URL = world["keys"], world["url"]
WORDS = "one two three four five six"


def client(key="good", url=URL, **more):
    return openai.OpenAI(api_key=KEYS.get(key, key), base_url=f"{url}/v1", **more)


ai = client()


def user(text):
    return [{"role": "user", "content": text}]


def runs(workflow):
    address = urllib.parse.urlsplit(URL)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    connection.request("GET", f"{address.path}/v1/workflows/{workflow}/runs?limit=100", headers={"Authorization": f"Bearer {KEYS['good']}"})
    return len(json.load(connection.getresponse())["items"])


class Lossy(http.server.BaseHTTPRequestHandler):
    """Passes a request on, and loses the answers to the first attempts."""

    losses, attempts = 1, []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Lossy.attempts.append(self.headers.get("x-stainless-retry-count"))
        address = urllib.parse.urlsplit(URL)
        upstream = http.client.HTTPConnection(address.hostname, address.port)
        upstream.request("POST", self.path, body, {name: self.headers[name] for name in self.headers if name.lower() != "host"})
        answer = upstream.getresponse()
        answered = answer.read()
        if len(Lossy.attempts) <= Lossy.losses:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(answered)))
        self.end_headers()
        self.wfile.write(answered)

    def log_message(self, *_):
        pass


def lossy(losses):
    Lossy.losses, Lossy.attempts = losses, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lossy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return client(url=f"http://127.0.0.1:{server.server_address[1]}{urllib.parse.urlsplit(URL).path}")


@check("models are listed and read")
def _():
    ids = [model.id for model in ai.models.list()]
    assert "greeting" in ids and "draft" not in ids, ids
    model = ai.models.retrieve("greeting@1.0.0")
    equal((model.id, model.object, model.owned_by), ("greeting@1.0.0", "model", "flowgate"))
    raises(openai.NotFoundError, lambda: ai.models.retrieve("a/b"), code="model_not_found", param="model")


@check("a chat is completed")
def _():
    chat = ai.chat.completions.create(model="greeting", messages=user("Ada"), extra_body={"input": {"n": 2}}, temperature=0.5)
    choice = chat.choices[0]
    equal((choice.message.content, choice.finish_reason, chat.object), ("Hello Ada x2", "stop", "chat.completion"))
    assert chat.usage.total_tokens == 0 and chat._request_id, chat


@check("a streamed chat is joined, with the tokens in the last chunk")
def _():
    stream = ai.chat.completions.create(model="say", messages=user(WORDS), stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    equal("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), WORDS)
    last = chunks[-1]
    assert last.choices == [] and last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0, last
    equal(len({chunk.id for chunk in chunks}), 1)


@check("the helper of streamed chats reads to the end")
def _():
    with ai.chat.completions.stream(model="say", messages=user(WORDS)) as stream:
        for _ in stream:
            pass
        equal(stream.get_final_completion().choices[0].message.content, WORDS)


@check("a run that fails in a stream is an APIError")
def _():
    stream = ai.chat.completions.create(model="failing", messages=user("x"), stream=True)
    error = raises(openai.APIError, lambda: list(stream))
    assert "no luck" in error.message and error.body["type"] == "workflow_error", error.body


@check("a run that fails is one run, and 422")
def _():
    before = runs("failing")
    error = raises(openai.UnprocessableEntityError, lambda: ai.chat.completions.create(model="failing", messages=user("x")), status_code=422, type="workflow_error")
    assert error.request_id and "no luck" in error.message, error
    equal(runs("failing"), before + 1)


@check("refusals have their classes")
def _():
    start = lambda key="good", **more: client(key).chat.completions.create(**{"model": "greeting", "messages": user("x"), **more})
    raises(openai.AuthenticationError, lambda: start("wrong"), code="invalid_api_key")
    raises(openai.PermissionDeniedError, lambda: start("read_only"), code="forbidden")
    raises(openai.NotFoundError, lambda: start(model="draft"), code="model_not_found")
    raises(openai.BadRequestError, lambda: start(extra_body={"input": {"n": "x"}}), param="input.n")
    raises(openai.BadRequestError, lambda: start(n=2), code="unsupported_parameter", param="n")
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    raises(openai.BadRequestError, lambda: start(tools=[tool]), code="unsupported_parameter", param="tools")
    raises(openai.APIStatusError, lambda: start(messages=user("x" * (5 << 20))), status_code=413)


if "once_python" in KEYS:

    @check("429 is RateLimitError")
    def _():
        limited = client("once_python", max_retries=0)
        for _ in range(2):
            try:
                limited.chat.completions.create(model="greeting", messages=user("x"))
            except openai.RateLimitError as error:
                equal(error.code, "rate_limit_exceeded")
                assert int(error.response.headers["retry-after"]) > 0
                return
        raise AssertionError("nothing was refused")


@check("an answer that is lost is asked for again, and is of the same run")
def _():
    for losses in (1, 2):
        before = runs("say")
        chat = lossy(losses).chat.completions.create(model="say", messages=user(f"lost {losses}"))
        equal((chat.choices[0].message.content, runs("say")), (f"lost {losses}", before + 1))
        equal(Lossy.attempts, [str(attempt) for attempt in range(losses + 1)])
    before = runs("say")
    response = lossy(1).responses.create(model="say", input="lost")
    equal((response.output_text, runs("say")), ("lost", before + 1))


@check("a response")
def _():
    response = ai.responses.create(model="greeting", input="Ada", metadata={"a": "b"})
    equal((response.output_text, response.status, response.metadata), ("Hello Ada x1", "completed", {"a": "b"}))
    equal(ai.responses.retrieve(response.id).output_text, "Hello Ada x1")
    equal(ai.responses.input_items.list(response.id).data, [])
    failed = ai.responses.create(model="failing", input="x")
    equal((failed.status, failed.error.code), ("failed", "server_error"))


@check("the helper of streamed responses reads to the end")
def _():
    with ai.responses.stream(model="say", input=WORDS) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        equal((text, stream.get_final_response().output_text), (WORDS, WORDS))


@check("a response in the background is polled, followed and read on")
def _():
    queued = ai.responses.create(model="slow", input="x", background=True)
    equal(queued.status, "queued")
    done = until(lambda: ai.responses.retrieve(queued.id), lambda response: response.status not in ("queued", "in_progress"))
    equal((done.status, done.output_text), ("completed", WORDS))
    events = list(ai.responses.retrieve(queued.id, stream=True))
    equal([event.sequence_number for event in events], list(range(len(events))))
    equal((events[0].type, events[-1].type), ("response.created", "response.completed"))
    for after in (0, 4, len(events) - 2):
        rest = list(ai.responses.retrieve(queued.id, stream=True, starting_after=after))
        equal([event.sequence_number for event in rest], list(range(after + 1, len(events))))
    with ai.responses.stream(response_id=queued.id, starting_after=4) as stream:
        equal([event.sequence_number for event in stream][0], 5)


@check("a streamed response that is cut goes on")
def _():
    stream = ai.responses.create(model="slow", input="y", stream=True)
    seen = []
    for event in stream:
        seen.append(event)
        if event.type == "response.output_text.delta":
            break
    stream.close()
    run, last = seen[0].response.id, seen[-1].sequence_number
    rest = list(ai.responses.retrieve(run, stream=True, starting_after=last))
    equal(rest[0].sequence_number, last + 1)
    equal(rest[-1].response.output_text, WORDS)


@check("a response is cancelled")
def _():
    queued = ai.responses.create(model="long", input="z", background=True)
    equal(ai.responses.cancel(queued.id).status, "cancelled")
    end = until(lambda: ai.responses.retrieve(queued.id), lambda response: response.status == "cancelled", seconds=40)
    equal(end.output, [])
    raises(openai.NotFoundError, lambda: ai.responses.retrieve("run_0"), code="response_not_found")
    raises(openai.PermissionDeniedError, lambda: ai.responses.delete(queued.id), code="forbidden")
