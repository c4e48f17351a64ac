"""The client against a running server (`clients/test`)."""

import io
import os
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

import flowgate
from flowgate.rest.api.files import read_file, upload_file
from flowgate.rest.api.keys import create_key
from flowgate.rest.api.runs import cancel_run, start_run
from flowgate.rest.api.secrets import read_signing_secrets
from flowgate.rest.api.workflows import publish, save_workflow
from flowgate.rest.models import NewKey, KeyScope, Problem, Publication, RunStatus, StartRun, Webhook
from flowgate.rest.types import File

URL, CUT_URL, ADMIN = os.environ["FLOWGATE_URL"], os.environ["FLOWGATE_CUT_URL"], os.environ["FLOWGATE_ADMIN_KEY"]
WORDS = "one two three four five six"
SAY = f"""
input: [{{ name: text, type: string }}]
nodes: [{{ id: say, type: agent, model: offline/echo, echo_delay: 300ms, prompt: <api.text> }}]
output: {{ said: <say.content> }}
"""


def setUpModule():
    global client, key
    admin = flowgate.connect(URL, ADMIN)
    saved = save_workflow.sync("python-say", client=admin, body=File(io.BytesIO(SAY.encode())))
    assert not isinstance(saved, Problem), saved
    publish.sync("python-say", client=admin, body=Publication())
    scopes = [KeyScope.RUN, KeyScope.READ, KeyScope.CANCEL]
    key = create_key.sync(client=admin, body=NewKey(name="python", workflows=["python-say"], scopes=scopes)).key
    client = flowgate.connect(URL, key)


def start(text=WORDS, **more):
    return StartRun(input_={"text": text}, **more)


class Runs(unittest.TestCase):
    def test_a_run_is_waited_for(self):
        run = start_run.sync("python-say", client=client, body=start("hi"))
        self.assertEqual((run.status, run.output), (RunStatus.SUCCEEDED, {"said": "hi"}))

    def test_a_run_is_accepted_and_polled(self):
        accepted = start_run.sync_detailed("python-say", client=client, body=start("a b"), prefer="respond-async")
        self.assertEqual(accepted.status_code, 202)
        run = flowgate.wait_for(client, accepted.parsed.id, timeout=30)
        self.assertEqual((run.status, run.output), (RunStatus.SUCCEEDED, {"said": "a b"}))

    def test_waiting_ends(self):
        accepted = start_run.sync("python-say", client=client, body=start(WORDS * 9), prefer="respond-async")
        with self.assertRaises(TimeoutError):
            flowgate.wait_for(client, accepted.id, timeout=0.2)
        self.assertEqual(cancel_run.sync_detailed(accepted.id, client=client).status_code // 100, 2)
        self.assertEqual(flowgate.wait_for(client, accepted.id, timeout=30).status, RunStatus.CANCELLED)

    def test_a_refusal_is_a_problem(self):
        refused = start_run.sync("python-say", client=client, body=StartRun(input_={"texts": 1}))
        self.assertIsInstance(refused, Problem)
        self.assertEqual(refused.code, "invalid_input")
        with self.assertRaises(flowgate.ApiError) as refusal:
            list(flowgate.follow(client, "run_00000000000070008000000000000000"))
        self.assertEqual((refusal.exception.status, bool(refusal.exception.code)), (404, True))
        with self.assertRaises(flowgate.ApiError):
            flowgate.wait_for(flowgate.connect(URL, "fg_wrong"), "run_00000000000070008000000000000000")


class Files(unittest.TestCase):
    def test_a_file_is_stored_and_read(self):
        stored = upload_file.sync(client=client, name="a.bin", body=File(io.BytesIO(b"\x00\xff")))
        self.assertEqual((stored.name, stored.size), ("a.bin", 2))
        read = read_file.sync_detailed(stored.file, client=client)
        self.assertEqual((read.status_code, read.content), (200, b"\x00\xff"))


class Streams(unittest.TestCase):
    def check(self, url, streams):
        asked = []
        through = flowgate.connect(url, key, httpx_args={"event_hooks": {"request": [asked.append]}})
        events = list(flowgate.start_and_follow(through, "python-say", start()))
        self.assertEqual([events[0].type, events[-1].type], ["run.started", "run.finished"])
        text = "".join(event.data["text"] for event in events if event.type == "chunk")
        self.assertEqual(text, WORDS)
        ids = [event.id for event in events if event.id]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertTrue(streams(len(asked)), f"{len(asked)} streams")
        self.assertEqual(sum(request.method == "POST" for request in asked), 1)
        return events

    def test_a_stream_has_the_whole_text(self):
        events = self.check(URL, lambda count: count == 1)
        run_id = events[0].data["run_id"]
        chunk = next(event for event in events if event.type == "chunk")
        rest = list(flowgate.follow(client, run_id, after=chunk.id))
        at = events.index(chunk)
        self.assertEqual([event.id for event in rest], [event.id for event in events[at + 1 :]])
        self.assertEqual(list(flowgate.follow(client, run_id, after=events[-1].id)), [])

    def test_a_stream_that_is_cut_goes_on(self):
        self.check(CUT_URL, lambda count: count >= 3)

    def test_it_gives_up_where_nobody_answers(self):
        nowhere = flowgate.connect("http://127.0.0.1:9", key)
        with self.assertRaises(Exception):
            list(flowgate.start_and_follow(nowhere, "python-say", start(), attempts=2))


class Webhooks(unittest.TestCase):
    def test_a_webhook_is_verified(self):
        received = []

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append((body, dict(self.headers)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Receiver)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        run = start_run.sync("python-say", client=client, body=start("hi", webhooks=[Webhook(url=url)]))
        thread.join(20)
        server.server_close()
        [(body, headers)] = received
        secrets = read_signing_secrets.sync("python-say", client=flowgate.connect(URL, ADMIN)).secrets
        self.assertEqual(flowgate.verify_webhook(secrets, body, headers)["id"], run.id)
        other = "whsec_" + "A" * 43 + "="
        self.assertEqual(flowgate.verify_webhook([other, *secrets], body, headers)["id"], run.id)
        for wrong in (lambda: flowgate.verify_webhook(other, body, headers), lambda: flowgate.verify_webhook(secrets, body + b" ", headers)):
            with self.assertRaises(flowgate.WebhookVerificationError):
                wrong()


if __name__ == "__main__":
    unittest.main()
