"""A deploy while runs are in flight, on the double: `deploy.py OLD NEW DOUBLE TEMPLATE`.

OLD and NEW are folders of the functions of two releases, DOUBLE is the program `aws-double`, TEMPLATE the transformed
template. The old functions park a run that asks and one that waits, and a third one makes a call. Then the new functions
take their place and every process of the old ones is killed. The new ones must list all three runs, take the answer and end
them, and make no recorded call again. CI has no old release, so people run this before they change what is stored.
"""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ADMIN = "an-admin-key-for-tests-0123456789abcdef"
PROGRAMS = ["invoke", "run-status", "keys", "workflows", "console", "worker", "webhook", "sweeper", "child"]
ASK = """
input: [{ name: i, type: string }]
nodes:
  - { id: first, type: http, url: "UPSTREAM/<api.i>/first" }
  - { id: check, type: approval, message: "Send <first.data.said>?", fields: [{ name: text, value: <first.data.said> }] }
  - { id: last, type: http, after: check, url: "UPSTREAM/<api.i>/last" }
output: { text: <check.data.text>, last: <last.data.said> }
"""
PAUSE = """
input: [{ name: i, type: string }]
nodes:
  - { id: first, type: http, url: "UPSTREAM/<api.i>/first" }
  - { id: pause, type: wait, for: 25s, after: first }
  - { id: last, type: http, after: pause, url: "UPSTREAM/<api.i>/last" }
output: { last: <last.data.said> }
"""
FLIGHT = """
input: [{ name: i, type: string }]
nodes:
  - { id: first, type: http, url: "UPSTREAM/<api.i>/first" }
  - { id: last, type: http, after: first, url: "UPSTREAM/<api.i>/last" }
output: { last: <last.data.said> }
"""


class Upstream(http.server.BaseHTTPRequestHandler):
    """Says its path's last part. The first `/flight/last` hangs until the old functions are gone."""

    seen = []
    gone = threading.Event()

    def do_GET(self):
        is_first = self.path not in self.seen
        self.seen.append(self.path)
        if is_first and self.path == "/flight/last":
            self.gone.wait()
        body = json.dumps({"said": self.path.rsplit("/", 1)[1]}).encode()
        try:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def put_in_place(folder, links):
    for program in PROGRAMS:
        link = f"{links}/flowgate-{program}"
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(f"{folder}/flowgate-{program}", link)


def kill_processes_of(folder):
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{process}/exe").startswith(f"{folder}/flowgate-"):
                os.kill(int(process), 9)
        except OSError:
            pass


def until(what, holds):
    for _ in range(1_500):
        if holds():
            return
        time.sleep(0.1)
    sys.exit(f"{what}: never; the upstream has seen {Upstream.seen}")


def main(old, new, double, template):
    old, new = os.path.realpath(old), os.path.realpath(new)
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    links = tempfile.mkdtemp()
    put_in_place(old, links)
    account = ["account", "--template", template, "--functions", links, "--admin-key", ADMIN]
    settings = ["--set", "FLOWGATE_ALLOW_LOOPBACK=true", "--set", "FLOWGATE_ALLOW_PRIVATE=true"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = subprocess.Popen([double, "--until-stdin-closes", *account, *settings], **pipes)
    url = running.stdout.readline().removeprefix("listening on ").strip()

    def call(method, path, body=None, raw=None):
        data = raw.encode() if raw else None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json", "Prefer": "respond-async"}
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers, method=method)) as answer:
            return json.loads(answer.read() or "null")

    def run(name):
        return call("GET", f"/v1/runs/{runs[name]}")

    call("GET", "/v1/workflows")
    runs = {}
    for name, document in [("ask", ASK), ("pause", PAUSE), ("flight", FLIGHT)]:
        call("PUT", f"/v1/workflows/{name}", raw=document.replace("UPSTREAM", f"http://127.0.0.1:{upstream.server_port}"))
        call("POST", f"/v1/workflows/{name}/versions", {})
        runs[name] = call("POST", f"/v1/workflows/{name}/runs", {"input": {"i": name}})["id"]
    for name in ["ask", "pause"]:
        until(f"{name} waits", lambda: run(name)["status"] == "waiting")
    until("flight calls", lambda: "/flight/last" in Upstream.seen)

    put_in_place(new, links)
    kill_processes_of(old)
    Upstream.gone.set()
    for name, id in runs.items():
        listed = call("GET", f"/v1/workflows/{name}/runs")["items"]
        assert [one["id"] for one in listed] == [id], listed
    call("POST", f"/v1/runs/{runs['ask']}/resume", {"approved": True, "data": {"text": "edited"}})
    for name in runs:
        until(f"{name} ends", lambda: run(name)["ended_at"])
        ended = run(name)
        assert ended["status"] == "succeeded" and ended["output"]["last"] == "last", ended
        print("ok", name, ended["output"])
    made = {path: Upstream.seen.count(path) for path in sorted(set(Upstream.seen))}
    once = {f"/{name}/{step}": 1 for name in runs for step in ["first", "last"]}
    # The call in flight when its function was killed is made again.
    assert made == {**once, "/flight/last": 2}, made
    running.stdin.close()
    running.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
