"""Webhooks as PyPI's standardwebhooks verifies them."""

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from checks import check, equal, raises, until, world
from standardwebhooks import Webhook, WebhookVerificationError

received = []


class Receiver(BaseHTTPRequestHandler):
    def receive(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        first = all(other["path"] != path for other in received)
        received.append({"method": self.command, "path": path, "query": urlsplit(self.path).query, "headers": dict(self.headers), "body": body})
        self.send_response(500 if path == "/again" and first else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = receive

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
reference = Webhook(world["signing_secret"])


def run(webhooks):
    request = urllib.request.Request(
        f"{world['url']}/v1/workflows/greeting/runs",
        json.dumps({"input": {"name": "Ada"}, "webhooks": webhooks}).encode(),
        {"Authorization": f"Bearer {world['keys']['good']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def verify(delivery, json_parse=True):
    return reference.verify(delivery["body"], delivery["headers"], json_parse=json_parse)


five = run(
    [
        {"url": f"{base}/post", "method": "POST", "headers": {"X-Mine": "yes", "Authorization": "Bearer mine"}},
        {"url": f"{base}/get?a=1&b=x%20y", "method": "GET", "headers": {"X-Mine": "too"}},
        {"url": f"{base}/put", "method": "PUT"},
        {"url": f"{base}/patch", "method": "PATCH"},
        {"url": f"{base}/delete?c=3", "method": "DELETE"},
    ]
)


def of(path):
    return next(delivery for delivery in received if delivery["path"] == path)


@check("five webhooks arrive, each once and under its own id")
def _():
    until(lambda: len(received), lambda count: count >= 5)
    equal(sorted((delivery["method"], delivery["path"]) for delivery in received), sorted((path[1:].upper(), path) for path in ("/post", "/get", "/put", "/patch", "/delete")))
    equal(len({delivery["headers"]["webhook-id"] for delivery in received}), 5)


@check("a body is verified and is the run")
def _():
    for path in ("/post", "/put", "/patch"):
        run = verify(of(path))
        equal((run["id"], run["status"], run["output"]), (five["id"], "succeeded", {"greeting": "Hello Ada x1"}))
    equal(of("/post")["headers"]["content-type"], "application/json")


@check("GET and DELETE are verified, keep their query and name the run in it")
def _():
    for path, kept in (("/get", {"a": ["1"], "b": ["x y"]}), ("/delete", {"c": ["3"]})):
        delivery = of(path)
        verify(delivery, json_parse=False)
        equal(delivery["body"], b"")
        equal(parse_qs(delivery["query"]), kept | {"workflowRunId": [five["id"]], "workflowId": ["greeting"], "status": ["succeeded"]})


@check("the caller's headers are sent")
def _():
    equal((of("/post")["headers"]["x-mine"], of("/post")["headers"]["authorization"]), ("yes", "Bearer mine"))
    equal(of("/get")["headers"]["x-mine"], "too")
    equal({delivery["headers"]["flowgate-run-id"] for delivery in received}, {five["id"]})


@check("a flipped bit is refused")
def _():
    for delivery in list(received):
        flipped = bytes([delivery["body"][0] ^ 1]) + delivery["body"][1:] if delivery["body"] else b"x"
        raises(WebhookVerificationError, lambda: verify(delivery | {"body": flipped}, json_parse=False))
        other = delivery["headers"] | {"webhook-id": delivery["headers"]["webhook-id"] + "0"}
        raises(WebhookVerificationError, lambda: verify(delivery | {"headers": other}, json_parse=False))
        later = delivery["headers"] | {"webhook-timestamp": str(int(delivery["headers"]["webhook-timestamp"]) + 1)}
        raises(WebhookVerificationError, lambda: verify(delivery | {"headers": later}, json_parse=False))


@check("a second attempt has the same id and its own signature")
def _():
    run([{"url": f"{base}/again", "method": "POST"}])
    attempts = until(lambda: [delivery for delivery in received if delivery["path"] == "/again"], lambda attempts: len(attempts) == 2)
    equal(attempts[0]["headers"]["webhook-id"], attempts[1]["headers"]["webhook-id"])
    equal(attempts[0]["body"], attempts[1]["body"])
    for attempt in attempts:
        verify(attempt)
