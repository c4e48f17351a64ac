// Event streams as a browser's EventSource and fetch-event-source read them, and as they reconnect.

import assert from "node:assert/strict";
import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";
import { check, equal, world } from "./checks.mjs";

const { keys, url } = world;
const TEXT = "ok ✅ a\u0085b\u2028c\u2029d 🎉👩‍🚀 end";
const headers = { authorization: `Bearer ${keys.good}`, "content-type": "application/json" };
// The library expects a browser.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };

const post = (path, body, more = {}) => fetch(`${url}${path}`, { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) });

await check("EventSource reads a run with a token in its URL, and stops at the end", async () => {
  const run = await (await post("/v1/workflows/say/runs", { input: { text: TEXT } }, { prefer: "respond-async" })).json();
  const { token } = await (await post("/v1/tokens", { run_id: run.id })).json();
  const statuses = [];
  const counting = async (...request) => {
    const answer = await fetch(...request);
    statuses.push(answer.status);
    return answer;
  };
  const source = new EventSource(`${url}/v1/runs/${run.id}/events?token=${token}`, { fetch: counting });
  let said = "";
  source.addEventListener("chunk", (event) => (said += JSON.parse(event.data).text));
  const output = await new Promise((resolve) => source.addEventListener("run.finished", (event) => resolve(JSON.parse(event.data).output)));
  equal([said, output], [TEXT, { said: TEXT }]);
  // It reconnects after the end of the body, and gives up at 204.
  for (let wait = 0; source.readyState !== EventSource.CLOSED && wait < 100; wait += 1) await new Promise((resolve) => setTimeout(resolve, 100));
  equal([source.readyState, statuses], [EventSource.CLOSED, [200, 204]]);
});

for (const [name, path, body] of [
  ["native", "/v1/workflows/say/runs", { input: { text: TEXT } }],
  ["sim", "/api/workflows/say/execute", { text: TEXT, stream: true, selectedOutputs: ["say.content"] }],
  ["sim v2", "/api/v2/workflows/say/execute", { input: { text: TEXT }, stream: true, selectedOutputs: ["say.content"] }],
]) {
  await check(`fetch-event-source: ${name}`, async () => {
    let said = "";
    await fetchEventSource(`${url}${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      openWhenHidden: true,
      onmessage({ data }) {
        if (data.startsWith("{")) said += JSON.parse(data).text ?? JSON.parse(data).chunk ?? "";
      },
      onerror(error) {
        throw error;
      },
    });
    equal(said, TEXT);
  });
}

await check("a page of another origin is told what it may do", async () => {
  const ask = { origin: "https://app.example.com", "access-control-request-method": "POST", "access-control-request-headers": "x-api-key" };
  const preflight = async (path) => (await fetch(`${url}${path}`, { method: "OPTIONS", headers: ask })).headers.get("access-control-allow-origin");
  equal([await preflight("/api/workflows/say/execute"), await preflight("/v1/keys")], ["*", null]);
  assert.equal((await fetch(`${url}/api/workflows/say/execute`, { method: "POST" })).status, 401);
});
