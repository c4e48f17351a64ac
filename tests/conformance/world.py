"""Waits for the server, publishes the checks' workflows, creates their keys, and writes a JSON file that lists them."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

WORKFLOWS = {
    "greeting": """
name: Greeting
input: [{ name: name, type: string }, { name: n, type: number, default: 1 }]
nodes: [{ id: say, name: Say It, type: template, template: "Hello <api.name> x<api.n>" }]
output: { greeting: <say.content> }
""",
    "echo": "nodes: [{ id: a, type: template, template: x }]\noutput: { all: <api.input> }\n",
    "slow": 'nodes: [{ id: a, name: Agent 1, type: agent, model: offline/echo, echo_delay: 300ms, prompt: "one two three four five six" }]\n'
    "output: { said: <a.content> }\n",
    # Longer than a worker on AWS takes to notice a cancel.
    "long": f"nodes: [{{ id: a, type: agent, model: offline/echo, echo_delay: 300ms, prompt: {'word ' * 200}}}]\noutput: {{ said: <a.content> }}\n",
    "failing": "nodes: [{ id: code, name: My Code, type: function, code: 'throw new Error(\"no luck\")' }]\noutput: { x: <code.result> }\n",
    "files": "input: [{ name: doc, type: file }]\nnodes: [{ id: a, type: template, template: x }]\noutput: { doc: <api.doc> }\n",
    "say": "input: [{ name: text, type: string }]\n"
    "nodes: [{ id: say, type: agent, model: offline/echo, prompt: <api.text> }]\noutput: { said: <say.content> }\n",
    "draft": None,
}


def main(url, file):
    admin = os.environ["FLOWGATE_ADMIN_KEY"]

    def call(method, path, body=None, raw=None):
        data = raw.encode() if raw is not None else None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {admin}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers, method=method)) as answer:
            return json.load(answer)

    until_it_answers(url)
    for workflow, document in WORKFLOWS.items():
        call("PUT", f"/v1/workflows/{workflow}", raw=document or WORKFLOWS["greeting"])
        if document:
            call("POST", f"/v1/workflows/{workflow}/versions", {})

    def key(name, **more):
        request = {"name": name, "workflows": list(WORKFLOWS), "scopes": ["run", "read", "cancel"], **more}
        return call("POST", "/v1/keys", request)["key"]

    often, once = ({"limits": {"requests_per_minute": rate, "burst": 1, "concurrent_runs": 5}} for rate in (60, 1))
    keys = {"good": key("good"), "read_only": key("read only", scopes=["read"])}
    try:
        keys |= {f"{name}_{language}": key(name, **limits) for language in ("python", "node") for name, limits in (("often", often), ("once", once))}
    except urllib.error.HTTPError as error:
        # A server without limits refuses the unknown field, so 429 cannot be checked.
        assert error.code == 400 and b"limits" in error.read()
    secret = call("GET", "/v1/workflows/greeting/signing-secret")["secrets"][0]
    with open(file, "w") as world:
        # API Gateway refuses too large a body before a function sees it, and in one shape.
        json.dump({"url": url, "keys": keys, "signing_secret": secret, "behind_gateway": url.endswith("/prod")}, world)


def until_it_answers(url):
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/health").close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


main(*sys.argv[1:])
