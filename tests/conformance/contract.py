"""Calls every operation of the OpenAPI document with what it allows and what it forbids, and holds the answers to it."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

with open(sys.argv[1]) as file:
    world = json.load(file)

# Rules beyond a schema: cursors are opaque, `from` is before `to`. What breaks them is refused although the schema allows it,
# so `positive_data_acceptance` is off. An empty body is a file of 0 bytes, and an empty parameter of the query is none: both
# are taken although the schema forbids them. What is wrong with the input of a batch's line is in the line of its answer, not in
# its status; what is wrong with a call of JSON-RPC is in its answer, too, which A2A wants to have status 200.
CONFIG = """
[parameters]
workflow_id = "{workflow}"
id = "{workflow}"
flow_id = "{workflow}"
run_id = "{run}"
job_id = "{run}"
execution_id = "{run}"
number = "1"

[checks]
positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = ["upload_file", "read_stats", "find_runs", "list_runs", "sim_v2_list_runs", "start_batch",
    # Sim passes over what it does not know, clamps limits, and reads flags as it likes.
    "sim_v1_list_workflows", "sim_v2_list_workflows", "sim_v1_list_logs", "sim_v2_list_logs", "sim_v2_list_versions",
    "sim_v1_deploy", "sim_v1_rollback", "sim_v1_import", "sim_v1_upload_file", "sim_resume"]
checks.negative_data_rejection.enabled = false

[[operations]]
include-operation-id = "a2a_call"
checks.negative_data_rejection.enabled = false
checks.missing_required_header.enabled = false

# What others need stays.
[[operations]]
include-operation-id = ["delete_workflow", "unpublish"]
parameters = {{ workflow_id = "nobody" }}

[[operations]]
include-operation-id = ["sim_v1_undeploy", "sim_v2_undeploy", "sim_v2_delete_workflow"]
parameters = {{ id = "nobody" }}

[[operations]]
include-operation-id = "delete_run"
parameters = {{ run_id = "run_00000000000070008000000000000000" }}
"""
# A batch may have one line, and then its body and its answer are JSON.
HOOKS = """
import schemathesis
schemathesis.serializer.alias("application/jsonl", "application/json")
"""
# They replace the credential that the requests have.
LEFT_OUT = ["rotate_admin", "rotate_keyring"]


def ended_run():
    headers = {"Authorization": f"Bearer {os.environ['FLOWGATE_ADMIN_KEY']}", "Content-Type": "application/json"}
    start = urllib.request.Request(f"{world['url']}/v1/workflows/greeting/runs", b'{"input": {"name": "Ada"}}', headers)
    with urllib.request.urlopen(start) as answer:
        return json.load(answer)["id"]


config = Path(sys.argv[1]).with_name("schemathesis.toml")
config.write_text(CONFIG.format(workflow="greeting", run=ended_run()))
hooks = config.with_name("schemathesis_hooks.py")
hooks.write_text(HOOKS)
command = [Path(sys.executable).with_name("schemathesis"), "--config-file", config, "run", f"{world['url']}/openapi.json"]
command += ["--header", f"Authorization: Bearer {os.environ['FLOWGATE_ADMIN_KEY']}"]
command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "4", "--generation-deterministic"]
command += [word for name in LEFT_OUT for word in ("--exclude-operation-id", name)]
# It keeps what failed in its folder.
ended = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=config.parent, env=os.environ | {"SCHEMATHESIS_HOOKS": str(hooks)})
cases = next((line.strip() for line in ended.stdout.splitlines() if " generated, " in line), "no cases")
if ended.returncode == 0:
    print(f"ok every answer is one of the document: {cases}")
else:
    places = [ended.stdout.find(f"= {part} =") for part in ("ERRORS", "FAILURES")]
    print(ended.stdout[min((it for it in places if it >= 0), default=0) :][:8000], ended.stderr[-2000:])
    print(f"FAIL every answer is one of the document: {cases}")
