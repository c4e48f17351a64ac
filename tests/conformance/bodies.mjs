// A large body that is refused, as axios and fetch send it.

import axios from "axios";
import { check, equal, world } from "./checks.mjs";

const { keys, url } = world;
const body = JSON.stringify({ input: { text: "x".repeat(8 << 20) } });
const paths = ["/v1/workflows/say/runs", "/v1/workflow/invoke", "/api/workflows/say/execute", "/api/v2/workflows/say/execute", "/v1/flow/say/run"];
const clients = {
  axios: async (path, headers) => (await axios.post(`${url}${path}`, body, { headers, validateStatus: () => true })).status,
  fetch: async (path, headers) => (await fetch(`${url}${path}`, { method: "POST", headers, body })).status,
};

for (const [name, send] of Object.entries(clients)) {
  await check(`${name} reads why a large body is refused`, async () => {
    for (const path of paths) {
      const statuses = [];
      for (const key of ["wrong", keys.good]) statuses.push(await send(path, { authorization: `Bearer ${key}`, "content-type": "application/json" }));
      // GPTBots has no status for it.
      equal([path, ...statuses], [path, 401, path === "/v1/workflow/invoke" ? 400 : 413]);
    }
  });
}
