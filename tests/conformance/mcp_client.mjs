// The MCP clients of npm, both lines: the old one speaks 2025, the new one both eras.

import assert from "node:assert/strict";
import * as modern from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { check, equal, world } from "./checks.mjs";

const { keys, url } = world;
const info = { name: "conformance", version: "1" };

const lines = {
  "sdk": () => [new OldClient(info), OldTransport],
  "client, as it is": () => [new modern.Client(info), modern.StreamableHTTPClientTransport],
  "client, auto": () => [new modern.Client(info, { versionNegotiation: { mode: "auto" } }), modern.StreamableHTTPClientTransport],
};

/** Connects, and closes after the function. */
async function connected(make, key, use) {
  const [client, Transport] = make();
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  await client.connect(new Transport(new URL(`${url}/mcp`), { requestInit }));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

await check("the new line agrees on the revision that it asks for", async () => {
  const agreed = (client) => client.getNegotiatedProtocolVersion();
  equal(await connected(lines["client, as it is"], keys.good, agreed), "2025-11-25");
  equal(await connected(lines["client, auto"], keys.good, agreed), "2026-07-28");
});

for (const [line, make] of Object.entries(lines)) {
  await check(`${line}: listTools has the workflows of the key`, async () => {
    const { tools } = await connected(make, keys.good, (client) => client.listTools());
    equal(tools.map((tool) => tool.name).sort(), ["cancel_run", "echo", "failing", "files", "get_run", "greeting", "long", "say", "slow"]);
    equal(tools.find((tool) => tool.name === "greeting").inputSchema.required, ["name"]);
  });

  await check(`${line}: callTool returns text and structure`, async () => {
    const result = await connected(make, keys.good, async (client) => {
      // From now on results are checked against the schemas.
      await client.listTools();
      return client.callTool({ name: "greeting", arguments: { name: "Ada ✅", n: 2 } });
    });
    const output = { greeting: "Hello Ada ✅ x2" };
    equal([result.isError, result.structuredContent, JSON.parse(result.content[0].text)], [false, output, output]);
  });

  await check(`${line}: a failed run and wrong arguments are results`, async () => {
    const [failed, wrong] = await connected(make, keys.good, async (client) => {
      await client.listTools();
      return [await client.callTool({ name: "failing" }), await client.callTool({ name: "greeting", arguments: { n: "x" } })];
    });
    assert(failed.isError && failed.content[0].text.includes("no luck"), JSON.stringify(failed));
    assert(wrong.isError && /name.*n must/.test(wrong.content[0].text), JSON.stringify(wrong));
  });

  await check(`${line}: an unknown tool is an error of the protocol`, async () => {
    const error = await connected(make, keys.good, (client) => client.callTool({ name: "nowhere" })).catch((error) => error);
    equal(error.code, -32602);
  });

  await check(`${line}: progress comes before the result`, async () => {
    const seen = [];
    const onprogress = ({ progress, message }) => seen.push([progress, message]);
    const result = await connected(make, keys.good, (client) => {
      const call = { name: "slow", arguments: {} };
      // The old line has the schema of the result between the two.
      return line === "sdk" ? client.callTool(call, undefined, { onprogress }) : client.callTool(call, { onprogress });
    });
    equal(result.structuredContent, { said: "one two three four five six" });
    equal(seen, [[1, "a started"], [2, "a succeeded"]]);
  });

  await check(`${line}: a key that is wrong is refused`, async () => {
    const error = await connected(make, "fg_wrong", (client) => client.listTools()).catch((error) => error);
    assert(error instanceof Error, "it connected");
  });
}
