// npm's openai, unmodified, against workflows as models.

import assert from "node:assert/strict";
import http from "node:http";
import OpenAI from "openai";
import { check, equal, throws, until, world } from "./checks.mjs";

const { keys, url } = world;
const words = "one two three four five six";
const client = (key = "good", base = url, more = {}) => new OpenAI({ apiKey: keys[key] ?? key, baseURL: `${base}/v1`, ...more });
const user = (content) => [{ role: "user", content }];
const ai = client();

async function all(stream) {
  const found = [];
  for await (const one of stream) found.push(one);
  return found;
}

async function runs(workflow) {
  const headers = { authorization: `Bearer ${keys.good}` };
  const listed = await fetch(`${url}/v1/workflows/${workflow}/runs?limit=100`, { headers });
  return (await listed.json()).items.length;
}

/** Passes requests on, and loses the answers to the first attempts. */
async function lossy(losses) {
  const attempts = [];
  const server = http.createServer(async (request, response) => {
    const body = Buffer.concat(await all(request));
    attempts.push(request.headers["x-stainless-retry-count"]);
    const { host, connection, "content-length": _, "transfer-encoding": __, ...headers } = request.headers;
    const answer = await fetch(url + request.url, { method: request.method, headers, body });
    const text = await answer.text();
    if (attempts.length <= losses) return request.socket.destroy();
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") });
    response.end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return { attempts, server, ai: client("good", `http://127.0.0.1:${server.address().port}`) };
}

await check("models are listed and read", async () => {
  const ids = (await all(await ai.models.list())).map((model) => model.id);
  assert(ids.includes("greeting") && !ids.includes("draft"), ids.join());
  equal((await ai.models.retrieve("greeting@1.0.0")).owned_by, "flowgate");
  await throws(OpenAI.NotFoundError, () => ai.models.retrieve("a/b"), { code: "model_not_found", param: "model" });
});

await check("a chat is completed", async () => {
  const chat = await ai.chat.completions.create({ model: "greeting", messages: user("Ada"), input: { n: 2 } });
  equal([chat.choices[0].message.content, chat.choices[0].finish_reason], ["Hello Ada x2", "stop"]);
  assert(chat._request_id && chat.usage.total_tokens === 0);
});

await check("a streamed chat is joined, with the tokens in the last chunk", async () => {
  const chunks = await all(await ai.chat.completions.create({ model: "say", messages: user(words), stream: true, stream_options: { include_usage: true } }));
  equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), words);
  const last = chunks.at(-1);
  assert(last.choices.length === 0 && last.usage.total_tokens > 0);
});

await check("the helper of streamed chats reads to the end", async () => {
  const stream = ai.chat.completions.stream({ model: "say", messages: user(words) });
  equal((await stream.finalChatCompletion()).choices[0].message.content, words);
});

await check("a run that fails in a stream is an APIError", async () => {
  const stream = await ai.chat.completions.create({ model: "failing", messages: user("x"), stream: true });
  const error = await throws(OpenAI.APIError, () => all(stream), { type: "workflow_error" });
  assert(error.message.includes("no luck"), error.message);
});

await check("a run that fails is one run, and 422", async () => {
  const before = await runs("failing");
  const start = () => ai.chat.completions.create({ model: "failing", messages: user("x") });
  const error = await throws(OpenAI.UnprocessableEntityError, start, { status: 422, type: "workflow_error" });
  assert(error.requestID && error.message.includes("no luck"), error.message);
  equal(await runs("failing"), before + 1);
});

await check("refusals have their classes", async () => {
  const refused = (kind, expected, more, key) => throws(kind, () => client(key).chat.completions.create({ model: "greeting", messages: user("x"), ...more }), expected);
  await refused(OpenAI.AuthenticationError, { code: "invalid_api_key" }, {}, "wrong");
  await refused(OpenAI.PermissionDeniedError, { code: "forbidden" }, {}, "read_only");
  await refused(OpenAI.NotFoundError, { code: "model_not_found" }, { model: "draft" });
  await refused(OpenAI.BadRequestError, { param: "input.n" }, { input: { n: "x" } });
  await refused(OpenAI.BadRequestError, { code: "unsupported_parameter", param: "n" }, { n: 2 });
});

if (keys.once_node) {
  await check("429 is RateLimitError", async () => {
    const limited = client("once_node", url, { maxRetries: 0 });
    const start = () => limited.chat.completions.create({ model: "greeting", messages: user("x") });
    const found = await start().then(start).catch((error) => error);
    assert(found instanceof OpenAI.RateLimitError && found.code === "rate_limit_exceeded", String(found));
  });
}

await check("an answer that is lost is asked for again, and is of the same run", async () => {
  for (const losses of [1, 2]) {
    const [before, proxy] = [await runs("say"), await lossy(losses)];
    const chat = await proxy.ai.chat.completions.create({ model: "say", messages: user(`lost by npm ${losses}`) });
    equal([chat.choices[0].message.content, await runs("say")], [`lost by npm ${losses}`, before + 1]);
    equal(proxy.attempts, [...Array(losses + 1).keys()].map(String));
    proxy.server.closeAllConnections();
  }
});

await check("a response", async () => {
  const response = await ai.responses.create({ model: "greeting", input: "Ada", metadata: { a: "b" } });
  equal([response.output_text, response.status, response.metadata], ["Hello Ada x1", "completed", { a: "b" }]);
  equal((await ai.responses.retrieve(response.id)).output_text, "Hello Ada x1");
  equal((await ai.responses.inputItems.list(response.id)).data, []);
  const failed = await ai.responses.create({ model: "failing", input: "x" });
  equal([failed.status, failed.error.code], ["failed", "server_error"]);
});

await check("the helper of streamed responses reads to the end", async () => {
  const stream = ai.responses.stream({ model: "say", input: words });
  equal((await stream.finalResponse()).output_text, words);
});

await check("a response in the background is polled, followed and read on", async () => {
  const queued = await ai.responses.create({ model: "slow", input: "x", background: true });
  equal(queued.status, "queued");
  const done = await until(() => ai.responses.retrieve(queued.id), (now) => !["queued", "in_progress"].includes(now.status));
  equal([done.status, done.output_text], ["completed", words]);
  const events = await all(await ai.responses.retrieve(queued.id, { stream: true }));
  equal(events.map((event) => event.sequence_number), [...events.keys()]);
  const rest = await all(await ai.responses.retrieve(queued.id, { stream: true, starting_after: 4 }));
  equal(rest.map((event) => event.sequence_number), [...events.keys()].slice(5));
  const helper = ai.responses.stream({ response_id: queued.id, starting_after: 4 });
  equal((await all(helper))[0].sequence_number, 5);
});

await check("a response is cancelled", async () => {
  const queued = await ai.responses.create({ model: "long", input: "z", background: true });
  equal((await ai.responses.cancel(queued.id)).status, "cancelled");
  const end = await until(() => ai.responses.retrieve(queued.id), (now) => now.status === "cancelled", 40);
  equal(end.output, []);
  await throws(OpenAI.NotFoundError, () => ai.responses.retrieve("run_0"), { code: "response_not_found" });
});
