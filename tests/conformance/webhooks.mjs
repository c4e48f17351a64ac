// Webhooks as npm's standardwebhooks verifies them.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import { check, equal, throws, until, world } from "./checks.mjs";

const received = [];
const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const { pathname: path, searchParams: query } = new URL(request.url, "http://localhost");
  received.push({ method: request.method, path, query: Object.fromEntries(query), headers: request.headers, body: Buffer.concat(parts).toString() });
  response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${server.address().port}`;
const reference = new Webhook(world.signing_secret);

const webhooks = [
  { url: `${base}/post`, method: "POST", headers: { "X-Mine": "yes", Authorization: "Bearer mine" } },
  { url: `${base}/get?a=1&b=x%20y`, method: "GET", headers: { "X-Mine": "too" } },
  { url: `${base}/put`, method: "PUT" },
  { url: `${base}/patch`, method: "PATCH" },
  { url: `${base}/delete?c=3`, method: "DELETE" },
];
const answer = await fetch(`${world.url}/v1/workflows/greeting/runs`, {
  method: "POST",
  headers: { Authorization: `Bearer ${world.keys.good}`, "Content-Type": "application/json" },
  body: JSON.stringify({ input: { name: "Ada" }, webhooks }),
});
const run = await answer.json();
const of = (path) => received.find((delivery) => delivery.path === path);

await check("five webhooks arrive, each once and under its own id", async () => {
  await until(() => received.length, (count) => count >= 5);
  equal(received.map(({ method, path }) => `${method} ${path}`).sort(), ["DELETE /delete", "GET /get", "PATCH /patch", "POST /post", "PUT /put"]);
  equal(new Set(received.map(({ headers }) => headers["webhook-id"])).size, 5);
});

await check("a body is verified and is the run", () => {
  for (const path of ["/post", "/put", "/patch"]) {
    const sent = reference.verify(of(path).body, of(path).headers);
    equal([sent.id, sent.status, sent.output], [run.id, "succeeded", { greeting: "Hello Ada x1" }]);
  }
});

await check("GET and DELETE are verified, keep their query and name the run in it", () => {
  for (const [path, kept] of [["/get", { a: "1", b: "x y" }], ["/delete", { c: "3" }]]) {
    const { body, headers, query } = of(path);
    reference.verify(body, headers);
    equal(body, "");
    equal(query, { ...kept, workflowRunId: run.id, workflowId: "greeting", status: "succeeded" });
  }
});

await check("the caller's headers are sent", () => {
  equal([of("/post").headers["x-mine"], of("/post").headers.authorization, of("/get").headers["x-mine"]], ["yes", "Bearer mine", "too"]);
});

await check("a flipped bit is refused", async () => {
  assert(received.length > 0);
  const refused = (body, headers) => throws(WebhookVerificationError, () => reference.verify(body, headers), {});
  for (const { body, headers } of received) {
    const flipped = body === "" ? "x" : String.fromCharCode(body.charCodeAt(0) ^ 1) + body.slice(1);
    await refused(flipped, headers);
    await refused(body, { ...headers, "webhook-id": `${headers["webhook-id"]}0` });
    await refused(body, { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + 1) });
  }
});

server.close();
process.exit(0);
