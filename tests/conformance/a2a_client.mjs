// npm's @a2a-js/sdk, unmodified, against workflows as agents: both bindings.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { SendMessageRequest, TaskState } from "@a2a-js/sdk";
import { ClientFactory, ClientFactoryOptions, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } from "@a2a-js/sdk/client";
import { check, equal, world } from "./checks.mjs";

const { keys, url } = world;
const WORDS = "one two three four five six";
const NOBODYS = "run_00000000000000000000000000000000";

/** Sends the key with everything. */
const fetchWith = (key) => (address, init) => fetch(address, { ...init, headers: { ...init?.headers, authorization: `Bearer ${key}` } });

/** Reads the card, and makes a client of it. The slash counts: the card is looked for beside it otherwise. */
function connect(agent, binding, key = keys.good) {
  const fetchImpl = fetchWith(key);
  const transport = binding === "JSONRPC" ? new JsonRpcTransportFactory({ fetchImpl }) : new RestTransportFactory({ fetchImpl });
  const cardResolver = new DefaultAgentCardResolver({ fetchImpl });
  const options = { ...ClientFactoryOptions.default, transports: [transport], cardResolver };
  return new ClientFactory(options).createFromUrl(`${url}/a2a/${agent}/`);
}

function message(parts, configuration = {}) {
  return SendMessageRequest.fromJSON({ message: { messageId: randomUUID(), role: "ROLE_USER", parts }, configuration });
}

async function all(stream) {
  const responses = [];
  for await (const response of stream) responses.push(response.payload);
  return responses;
}

const output = (task) => task.artifacts[0].parts[0].content.value;

async function thrown(name, run) {
  const error = await Promise.resolve(run()).then((found) => assert.fail(`nothing was thrown, but ${JSON.stringify(found)} returned`), (error) => error);
  // The errors of a binding have classes of their own, by the same name.
  assert(error.constructor.name.includes(name) || error.name.includes(name), `${error.constructor.name}: ${error.message}`);
  return error;
}

await check("the card is read, and only with a key", async () => {
  const card = await (await connect("greeting", "JSONRPC")).getAgentCard();
  equal([card.name, card.capabilities.streaming], ["Greeting", true]);
  assert.match((await connect("draft", "JSONRPC").catch((error) => error)).message, /404/);
  assert.match((await connect("greeting", "JSONRPC", "wrong").catch((error) => error)).message, /401/);
});

for (const binding of ["JSONRPC", "HTTP+JSON"]) {
  await check(`${binding}: a message is answered with its task`, async () => {
    const client = await connect("greeting", binding);
    const sent = message([{ data: { name: "Ada ✅", n: 2 } }]);
    const task = await client.sendMessage(sent);
    equal([task.status.state, output(task)], [TaskState.TASK_STATE_COMPLETED, { greeting: "Hello Ada ✅ x2" }]);
    equal((await client.sendMessage(sent)).id, task.id);
  });

  await check(`${binding}: a stream has text and the output`, async () => {
    const client = await connect("say", binding);
    const responses = await all(client.sendMessageStream(message([{ text: WORDS }])));
    equal(responses[0].$case, "task");
    const updates = responses.filter(({ $case }) => $case === "artifactUpdate").map(({ value }) => value);
    equal(updates.at(-1).artifact.artifactId, "output");
    equal(updates.slice(0, -1).map(({ artifact }) => artifact.parts[0].content.value).join(""), WORDS);
    equal(responses.at(-1).value.status.state, TaskState.TASK_STATE_COMPLETED);
  });

  await check(`${binding}: a task that fails says why`, async () => {
    const client = await connect("failing", binding);
    const { status } = await client.sendMessage(message([{ data: {} }]));
    equal(status.state, TaskState.TASK_STATE_FAILED);
    assert.match(status.message.parts[0].content.value, /no luck/);
  });

  await check(`${binding}: a task is read, listed, subscribed to and cancelled`, async () => {
    const client = await connect("slow", binding);
    const start = () => client.sendMessage(message([{ data: {} }], { returnImmediately: true }));
    const { id } = await start();
    equal((await client.getTask({ id })).id, id);
    const listed = await client.listTasks({ pageSize: 1, status: TaskState.TASK_STATE_UNSPECIFIED });
    equal(listed.tasks.map((task) => task.id), [id]);
    const responses = await all(client.resubscribeTask({ id }));
    equal([responses[0].value.id, responses.at(-1).value.status.state], [id, TaskState.TASK_STATE_COMPLETED]);
    await thrown("TaskNotCancelable", () => client.cancelTask({ id }));
    const second = await start();
    equal((await client.cancelTask({ id: second.id })).status.state, TaskState.TASK_STATE_CANCELED);
  });

  await check(`${binding}: what is not there, and what cannot be, has its class`, async () => {
    const client = await connect("greeting", binding);
    await thrown("TaskNotFound", () => client.getTask({ id: NOBODYS }));
    const error = await thrown("RequestMalformed", () => client.sendMessage(message([{ data: { n: "x" } }])));
    assert.match(error.message, /name/);
    await thrown("ContentTypeNotSupported", () => client.sendMessage(message([{ raw: "aGk=", filename: "a.txt" }])));
  });

  await check(`${binding}: a file that stands in the message is stored`, async () => {
    const client = await connect("files", binding);
    const task = await client.sendMessage(message([{ raw: "aGVsbG8=", filename: "a.txt", mediaType: "text/plain" }]));
    const { doc } = output(task);
    equal([doc.name, doc.type, doc.size], ["a.txt", "text/plain", 5]);
  });

  await check(`${binding}: push notifications are configured`, async () => {
    const client = await connect("slow", binding);
    const { id: taskId } = await client.sendMessage(message([{ data: {} }], { returnImmediately: true }));
    const named = { taskId, id: "mine" };
    const authentication = { scheme: "Bearer", credentials: "x" };
    const made = await client.createTaskPushNotificationConfig({ ...named, tenant: "", url: `${url}/health`, token: "t", authentication });
    equal([made.id, made.taskId, made.authentication.scheme], ["mine", taskId, "Bearer"]);
    equal((await client.getTaskPushNotificationConfig(named)).url, made.url);
    await client.deleteTaskPushNotificationConfig(named);
    equal((await client.listTaskPushNotificationConfig({ taskId })).configs, []);
  });
}
