"""Every public method of PyPI's simstudio-sdk, unmodified."""

import io

from checks import check, equal, raises, until, world
from simstudio import AsyncExecutionResult, Client, SimStudioClient, SimStudioError

KEYS, URL = world["keys"], world["url"]


def client(key="good"):
    return SimStudioClient(KEYS.get(key, key), base_url=URL + "/")


sim = client()


@check("execute_workflow waits for the output")
def _():
    result = sim.execute_workflow("greeting", {"name": "Ada", "n": "3"})
    equal((result.success, result.status, result.output, result.error), (True, "completed", {"greeting": "Hello Ada x3"}, None))
    assert result.metadata["runId"] and result.metadata["startTime"] <= result.metadata["endTime"]
    assert isinstance(result.total_duration, int) and result.metadata["duration"] == result.total_duration


@check("execute_workflow wraps a value that is not a dict")
def _():
    for sent in ([1, 2], "text", 7, True):
        equal(sim.execute_workflow("echo", sent).output, {"all": {"input": sent}})
    equal(sim.execute_workflow("echo").output, {"all": {}})


@check("execute_workflow_sync")
def _():
    result = sim.execute_workflow_sync("greeting", {"name": "Ada"}, timeout=10.0)
    equal((result.success, result.output), (True, {"greeting": "Hello Ada x1"}))


@check("a run that fails is returned, not raised")
def _():
    result = sim.execute_workflow("failing")
    equal((result.success, result.status), (False, "failed"))
    assert result.error.startswith("My Code: ") and "no luck" in result.error, result.error


@check("an asynchronous run is polled to its end")
def _():
    started = sim.execute_workflow("greeting", {"name": "Ada"}, async_execution=True, execution_timeout_seconds=60)
    assert isinstance(started, AsyncExecutionResult) and started.success and started.async_execution
    equal(started.status_url, f"{URL}/api/v2/workflows/greeting/runs/{started.run_id}")
    ask = lambda: sim.get_workflow_run("greeting", started.run_id, include_output=True, selected_outputs=["say.content", "say"])
    run = until(ask, lambda run: run["status"] == "completed")
    equal(run["output"], {"greeting": "Hello Ada x1"})
    equal(run["blockOutputs"], {"say.content": "Hello Ada x1", "say": {"content": "Hello Ada x1"}})
    equal((run["runId"], run["workflowId"], run["trigger"], run["error"]), (started.run_id, "greeting", "api", None))
    equal(sim.get_workflow_run("greeting", started.run_id)["output"], None)
    job = sim.get_job_status(started.run_id)
    equal((job["status"], job["output"]), ("completed", {"greeting": "Hello Ada x1"}))


@check("execution_timeout_seconds is the run's deadline")
def _():
    started = sim.execute_workflow("slow", async_execution=True, execution_timeout_seconds=1)
    run = until(lambda: sim.get_workflow_run("slow", started.run_id), lambda run: run["endedAt"])
    equal((run["status"], run["error"]["code"]), ("failed", "TIMEOUT"))


@check("execution_timeout_seconds is checked by the client")
def _():
    raises(SimStudioError, lambda: sim.execute_workflow("slow", execution_timeout_seconds=1), code="INVALID_EXECUTION_TIMEOUT")
    asynchronous = lambda seconds: sim.execute_workflow("slow", async_execution=True, execution_timeout_seconds=seconds)
    raises(SimStudioError, lambda: asynchronous(604_801), code="INVALID_EXECUTION_TIMEOUT")


@check("a file is sent as base64")
def _():
    file = io.BytesIO(b"hi")
    file.name, file.content_type = "/some/where/hi.txt", "text/plain"
    doc = {"name": "hi.txt", "mime": "text/plain", "size": 2, "base64": "aGk="}
    equal(sim.execute_workflow("files", {"doc": file}).output, {"doc": doc})
    equal(sim.execute_workflow("files", {"doc": [file, file]}).output, {"doc": [doc, doc]})


@check("a stream is not JSON for this SDK, as with the vendor")
def _():
    raises(SimStudioError, lambda: sim.execute_workflow("greeting", {"name": "Ada"}, stream=True, selected_outputs=["say.content"]), code="EXECUTION_ERROR")


@check("a client that does not wait raises TIMEOUT")
def _():
    raises(SimStudioError, lambda: sim.execute_workflow("slow", timeout=0.3), code="TIMEOUT")


@check("a wrong key is 401 everywhere")
def _():
    wrong = client("wrong")
    raises(SimStudioError, lambda: wrong.execute_workflow("greeting", {"name": "Ada"}), code="UNAUTHORIZED", status=401)
    raises(SimStudioError, lambda: wrong.get_workflow_status("greeting"), code="UNAUTHORIZED", status=401)
    raises(SimStudioError, lambda: wrong.get_job_status("run_1"), code="UNAUTHORIZED", status=401)
    raises(SimStudioError, lambda: wrong.get_workflow_run("greeting", "run_1"), code="UNAUTHORIZED", status=401)
    raises(SimStudioError, wrong.get_usage_limits, code="UNAUTHORIZED", status=401)
    equal(wrong.validate_workflow("greeting"), False)


@check("refusals have a message, a code and a status")
def _():
    error = raises(SimStudioError, lambda: sim.execute_workflow("greeting", {}), code="BAD_REQUEST", status=400)
    assert "name" in str(error), error
    raises(SimStudioError, lambda: sim.execute_workflow("greeting", {"name": {"first": "Ada"}, "more": 1}), code="BAD_REQUEST", status=400)
    raises(SimStudioError, lambda: sim.execute_workflow("nothing"), code="NOT_FOUND", status=404)
    raises(SimStudioError, lambda: sim.execute_workflow("draft", {"name": "Ada"}), code="FORBIDDEN", status=403)
    raises(SimStudioError, lambda: client("read_only").execute_workflow("greeting", {"name": "Ada"}), code="FORBIDDEN", status=403)
    code = None if world["behind_gateway"] else "PAYLOAD_TOO_LARGE"
    raises(SimStudioError, lambda: sim.execute_workflow("echo", {"big": "x" * (5 << 20)}), code=code, status=413)
    raises(SimStudioError, lambda: sim.get_workflow_run("greeting", "nobody"), code="NOT_FOUND", status=404)
    raises(SimStudioError, lambda: sim.get_job_status("nobody"), code="TASK_NOT_FOUND", status=404)
    raises(SimStudioError, lambda: sim.get_workflow_status("nothing"), code="WORKFLOW_NOT_FOUND", status=404)


@check("get_workflow_status and validate_workflow")
def _():
    status = sim.get_workflow_status("greeting")
    assert status.is_deployed and status.deployed_at and not status.needs_redeployment
    equal(sim.get_workflow_status("draft").is_deployed, False)
    equal([sim.validate_workflow(id) for id in ("greeting", "draft", "nothing")], [True, False, False])


@check("get_usage_limits")
def _():
    limits = sim.get_usage_limits()
    assert limits.success and limits.usage["plan"]
    for kind in ("sync", "async"):
        assert limits.rate_limit[kind]["requestsPerMinute"] > 0 and limits.rate_limit[kind]["isLimited"] is False


@check("execute_with_retry without a need to retry")
def _():
    equal(sim.execute_with_retry("greeting", {"name": "Ada"}).output, {"greeting": "Hello Ada x1"})
    raises(SimStudioError, lambda: sim.execute_with_retry("nothing"), code="NOT_FOUND", status=404)


@check("set_api_key, set_base_url, close, context manager, Client")
def _():
    with Client("wrong", base_url="http://127.0.0.1:9") as other:
        raises(SimStudioError, lambda: other.execute_workflow("greeting"), code="EXECUTION_ERROR")
        other.set_base_url(URL + "/")
        other.set_api_key(KEYS["good"])
        equal(other.execute_workflow("greeting", {"name": "Ada"}).success, True)
        equal(other.get_rate_limit_info(), None)
        other.close()


if "often_python" in KEYS:

    @check("execute_with_retry waits as long as the server asks")
    def _():
        limited = client("often_python")
        for _ in range(3):
            equal(limited.execute_with_retry("greeting", {"name": "Ada"}, max_retries=5).success, True)
        info = limited.get_rate_limit_info()
        assert info.limit == 1 and info.remaining == 0 and info.reset > 1_700_000_000, info

    @check("429 is RATE_LIMIT_EXCEEDED")
    def _():
        limited = client("once_python")
        equal(limited.execute_workflow("greeting", {"name": "Ada"}).success, True)
        error = raises(SimStudioError, lambda: limited.execute_workflow("greeting", {"name": "Ada"}), code="RATE_LIMIT_EXCEEDED", status=429)
        info = limited.get_rate_limit_info()
        assert 0 < info.retry_after <= 60_000 and str(info.retry_after) in str(error), info
        give_up = lambda: limited.execute_with_retry("greeting", {"name": "Ada"}, max_retries=0)
        raises(SimStudioError, give_up, code="RATE_LIMIT_EXCEEDED", status=429)
        equal(limited.get_usage_limits().rate_limit["sync"]["isLimited"], True)
