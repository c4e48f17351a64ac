"""PyPI's a2a-sdk, unmodified, against workflows as agents: both bindings."""

import asyncio
import json
import uuid

import httpx
from a2a.client import A2ACardResolver, AgentCardResolutionError, ClientConfig, ClientFactory
from a2a.types import a2a_pb2 as a2a
from a2a.utils import errors
from checks import check, equal, world
from google.protobuf.json_format import MessageToDict, ParseDict

KEYS, URL = world["keys"], world["url"]
WORDS = "one two three four five six"
NOBODYS = "run_00000000000000000000000000000000"


def with_agent(agent, binding, use, key="good", **config):
    """Reads the card, makes a client of it, and returns what the function makes of that."""

    async def run():
        headers = {"Authorization": f"Bearer {KEYS.get(key, key)}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as http:
            http.headers["A2A-Version"] = "1.0"
            card = await A2ACardResolver(http, f"{URL}/a2a/{agent}").get_agent_card()
            made = ClientConfig(httpx_client=http, supported_protocol_bindings=[binding], use_client_preference=True, **config)
            return await use(ClientFactory(made).create(card))

    return asyncio.run(run())


def message(*parts, **more):
    message = {"messageId": str(uuid.uuid4()), "role": "ROLE_USER", "parts": list(parts), **more.pop("message", {})}
    return ParseDict({"message": message, **more}, a2a.SendMessageRequest())


async def all_of(stream):
    return [MessageToDict(response) async for response in stream]


def output(task):
    return task["artifacts"][0]["parts"][0]["data"]


def raised(kind, agent, binding, use, **more):
    try:
        found = with_agent(agent, binding, use, **more)
    except kind as error:
        return error
    raise AssertionError(f"nothing was raised, but {found!r} returned")


@check("the card is read, and only with a key")
def _():
    async def use(client):
        return client._card

    card = with_agent("greeting", "JSONRPC", use)
    equal((card.name, card.capabilities.streaming), ("Greeting", True))
    equal([interface.protocol_binding for interface in card.supported_interfaces], ["JSONRPC", "HTTP+JSON"])
    equal(raised(AgentCardResolutionError, "draft", "JSONRPC", use).status_code, 404)
    equal(raised(AgentCardResolutionError, "greeting", "JSONRPC", use, key="wrong").status_code, 401)


for binding in ("JSONRPC", "HTTP+JSON"):

    @check(f"{binding}: a message is answered with its task")
    def _():
        async def use(client):
            sent = message({"data": {"name": "Ada ✅", "n": 2}}, message={"contextId": "talk"})
            return [await all_of(client.send_message(sent)) for _ in range(2)]

        (first,), (again,) = with_agent("greeting", binding, use, streaming=False)
        equal((first["task"]["status"]["state"], first["task"]["contextId"]), ("TASK_STATE_COMPLETED", "talk"))
        # It writes the 2 as 2.0.
        equal(output(first["task"]), {"greeting": "Hello Ada ✅ x2"})
        equal(again["task"]["id"], first["task"]["id"])

    @check(f"{binding}: a stream has text and the output")
    def _():
        async def use(client):
            return await all_of(client.send_message(message({"text": WORDS})))

        responses = with_agent("say", binding, use)
        assert "task" in responses[0], responses[0]
        updates = [response["artifactUpdate"] for response in responses if "artifactUpdate" in response]
        text = "".join(update["artifact"]["parts"][0].get("text", "") for update in updates[:-1])
        equal((text, updates[-1]["artifact"]["artifactId"]), (WORDS, "output"))
        equal(responses[-1]["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED")

    @check(f"{binding}: a task that fails says why")
    def _():
        async def use(client):
            return await all_of(client.send_message(message({"data": {}})))

        status = with_agent("failing", binding, use)[-1]["statusUpdate"]["status"]
        equal(status["state"], "TASK_STATE_FAILED")
        assert "no luck" in status["message"]["parts"][0]["text"], status

    @check(f"{binding}: a task is read, listed, subscribed to and cancelled")
    def _():
        async def use(client):
            sent = message({"data": {}}, configuration={"returnImmediately": True})
            started = (await all_of(client.send_message(sent)))[0]["task"]
            task = await client.get_task(a2a.GetTaskRequest(id=started["id"]))
            equal((task.id, task.context_id), (started["id"], started["contextId"]))
            listed = await client.list_tasks(a2a.ListTasksRequest(page_size=1))
            equal([task.id for task in listed.tasks], [started["id"]])
            return started

        async def subscribe(client):
            responses = await all_of(client.subscribe(a2a.SubscribeToTaskRequest(id=started["id"])))
            return responses[0]["task"]["id"], responses[-1]["statusUpdate"]["status"]["state"]

        async def cancel(client):
            cancelled = await client.cancel_task(a2a.CancelTaskRequest(id=started["id"]))
            return a2a.TaskState.Name(cancelled.status.state)

        started = with_agent("slow", binding, use, streaming=False)
        equal(with_agent("slow", binding, subscribe), (started["id"], "TASK_STATE_COMPLETED"))
        raised(errors.TaskNotCancelableError, "slow", binding, cancel)
        started = with_agent("slow", binding, use, streaming=False)
        equal(with_agent("slow", binding, cancel), "TASK_STATE_CANCELED")

    @check(f"{binding}: what is not there, and what cannot be, has its class")
    def _():
        get = lambda client: client.get_task(a2a.GetTaskRequest(id=NOBODYS))
        raised(errors.TaskNotFoundError, "greeting", binding, get)
        wrong = lambda client: all_of(client.send_message(message({"data": {"n": "x"}})))
        error = raised(errors.InvalidParamsError, "greeting", binding, wrong)
        assert "name" in error.message, error
        file = lambda client: all_of(client.send_message(message({"raw": "aGk=", "filename": "a.txt"})))
        raised(errors.ContentTypeNotSupportedError, "greeting", binding, file)

    @check(f"{binding}: a file that stands in the message is stored")
    def _():
        async def use(client):
            return await all_of(client.send_message(message({"raw": "aGVsbG8=", "filename": "a.txt", "mediaType": "text/plain"})))

        doc = output(with_agent("files", binding, use, streaming=False)[0]["task"])["doc"]
        equal((doc["name"], doc["type"], doc["size"]), ("a.txt", "text/plain", 5))

    @check(f"{binding}: push notifications are configured")
    def _():
        async def use(client):
            sent = message({"data": {}}, configuration={"returnImmediately": True})
            task = (await all_of(client.send_message(sent)))[0]["task"]["id"]
            authentication = a2a.AuthenticationInfo(scheme="Bearer", credentials="x")
            config = a2a.TaskPushNotificationConfig(task_id=task, id="mine", url=f"{URL}/health", token="t", authentication=authentication)
            made = await client.create_task_push_notification_config(config)
            equal((made.id, made.task_id, made.url, made.authentication.scheme), ("mine", task, f"{URL}/health", "Bearer"))
            named = {"task_id": task, "id": "mine"}
            read = await client.get_task_push_notification_config(a2a.GetTaskPushNotificationConfigRequest(**named))
            equal(read, made)
            await client.delete_task_push_notification_config(a2a.DeleteTaskPushNotificationConfigRequest(**named))
            listed = await client.list_task_push_notification_configs(a2a.ListTaskPushNotificationConfigsRequest(task_id=task))
            equal(len(listed.configs), 0)

        with_agent("slow", binding, use, streaming=False)


@check("the binding HTTP+JSON answers with its media type")
def _():
    headers = {"Authorization": f"Bearer {KEYS['good']}", "A2A-Version": "1.0"}
    answer = httpx.get(f"{URL}/a2a/greeting/tasks", headers=headers)
    equal(answer.headers["content-type"], "application/a2a+json")
    assert json.loads(answer.text)["tasks"], answer.text
