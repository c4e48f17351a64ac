// Every public method of npm's simstudio-ts-sdk, unmodified.

import assert from "node:assert/strict";
import { SimStudioClient, SimStudioError } from "simstudio-ts-sdk";
import { check, equal, throws, until, world } from "./checks.mjs";

const { keys, url } = world;
const client = (key = "good") => new SimStudioClient({ apiKey: keys[key] ?? key, baseUrl: `${url}/` });
const refused = (run, code, status) => throws(SimStudioError, run, { code, status });
const sim = client();
const ada = { name: "Ada" };

await check("executeWorkflow waits for the output", async () => {
  const result = await sim.executeWorkflow("greeting", { name: "Ada", n: "3" });
  equal([result.success, result.output, result.error], [true, { greeting: "Hello Ada x3" }, undefined]);
  assert(result.executionId && Number.isInteger(result.metadata.duration));
});

await check("executeWorkflow wraps a value that is not an object", async () => {
  for (const sent of [[1, 2], "text", 7, true]) equal((await sim.executeWorkflow("echo", sent)).output, { all: { input: sent } });
  equal((await sim.executeWorkflow("echo")).output, { all: {} });
});

await check("executeWorkflowSync", async () => {
  const result = await sim.executeWorkflowSync("greeting", ada, { timeout: 10000, async: true });
  equal([result.success, result.output], [true, { greeting: "Hello Ada x1" }]);
});

await check("a run that fails is thrown", async () => {
  const error = await refused(() => sim.executeWorkflow("failing"), undefined, 500);
  assert(error.message.startsWith("My Code: ") && error.message.includes("no luck"), error.message);
});

await check("an asynchronous execution is polled to its end", async () => {
  const started = await sim.executeWorkflow("greeting", ada, { async: true });
  equal([started.success, started.status, started.links.status], [true, "queued", `/api/jobs/${started.taskId}`]);
  assert(!Number.isNaN(Date.parse(started.createdAt)));
  const job = await until(() => sim.getJobStatus(started.taskId), (job) => job.status === "completed");
  equal([job.success, job.taskId, job.output], [true, started.taskId, { greeting: "Hello Ada x1" }]);
});

await check("a job that failed says why", async () => {
  const started = await sim.executeWorkflow("failing", {}, { async: true });
  const job = await until(() => sim.getJobStatus(started.taskId), (job) => job.status === "failed");
  assert(job.error.startsWith("My Code: "), job.error);
});

await check("a file is sent as base64", async () => {
  const file = new File(["hi"], "hi.txt", { type: "text/plain" });
  const doc = { name: "hi.txt", mime: "text/plain", size: 2, base64: "aGk=" };
  equal((await sim.executeWorkflow("files", { doc: file })).output, { doc });
  equal((await sim.executeWorkflow("files", { doc: [file, file] })).output, { doc: [doc, doc] });
});

await check("a stream is not JSON for this SDK, as with the vendor", async () => {
  await refused(() => sim.executeWorkflow("greeting", ada, { stream: true, selectedOutputs: ["say.content"] }), "EXECUTION_ERROR", undefined);
});

await check("a client that does not wait throws TIMEOUT", async () => {
  await refused(() => sim.executeWorkflow("slow", {}, { timeout: 300 }), "TIMEOUT", undefined);
});

await check("a wrong key is 401 everywhere", async () => {
  const wrong = client("wrong");
  await refused(() => wrong.executeWorkflow("greeting", ada), "UNAUTHORIZED", 401);
  await refused(() => wrong.getWorkflowStatus("greeting"), "UNAUTHORIZED", 401);
  await refused(() => wrong.getJobStatus("run_1"), "UNAUTHORIZED", 401);
  await refused(() => wrong.getUsageLimits(), "UNAUTHORIZED", 401);
  equal(await wrong.validateWorkflow("greeting"), false);
});

await check("refusals have a message, a code and a status", async () => {
  const error = await refused(() => sim.executeWorkflow("greeting", {}), "INVALID_INPUT", 400);
  assert(error.message.includes("name"), error.message);
  await refused(() => sim.executeWorkflow("nothing"), "WORKFLOW_NOT_FOUND", 404);
  await refused(() => sim.executeWorkflow("draft", ada), "WORKFLOW_NOT_DEPLOYED", 403);
  await refused(() => client("read_only").executeWorkflow("greeting", ada), "FORBIDDEN", 403);
  const tooLarge = world.behind_gateway ? "too_large" : "PAYLOAD_TOO_LARGE";
  await refused(() => sim.executeWorkflow("echo", { big: "x".repeat(5 << 20) }), tooLarge, 413);
  await refused(() => sim.getJobStatus("nobody"), "TASK_NOT_FOUND", 404);
  await refused(() => sim.getWorkflowStatus("nothing"), "WORKFLOW_NOT_FOUND", 404);
});

await check("getWorkflowStatus and validateWorkflow", async () => {
  const status = await sim.getWorkflowStatus("greeting");
  assert(status.isDeployed && status.deployedAt && !status.needsRedeployment);
  equal(await Promise.all(["greeting", "draft", "nothing"].map((id) => sim.validateWorkflow(id))), [true, false, false]);
});

await check("getUsageLimits", async () => {
  const limits = await sim.getUsageLimits();
  assert(limits.success && limits.usage.plan);
  for (const kind of ["sync", "async"]) assert(limits.rateLimit[kind].limit > 0 && limits.rateLimit[kind].isLimited === false);
});

await check("executeWithRetry without a need to retry", async () => {
  equal((await sim.executeWithRetry("greeting", ada)).output, { greeting: "Hello Ada x1" });
  await refused(() => sim.executeWithRetry("nothing"), "WORKFLOW_NOT_FOUND", 404);
});

await check("setApiKey, setBaseUrl, getRateLimitInfo", async () => {
  const other = new SimStudioClient({ apiKey: "wrong", baseUrl: "http://127.0.0.1:9" });
  await refused(() => other.executeWorkflow("greeting", ada), "EXECUTION_ERROR", undefined);
  other.setBaseUrl(`${url}/`);
  other.setApiKey(keys.good);
  equal((await other.executeWorkflow("greeting", ada)).success, true);
  equal(other.getRateLimitInfo(), null);
});

if (keys.often_node) {
  await check("executeWithRetry waits as long as the server asks", async () => {
    const limited = client("often_node");
    for (let i = 0; i < 3; i++) equal((await limited.executeWithRetry("greeting", ada, {}, { maxRetries: 5 })).success, true);
    const { limit, remaining, reset } = limited.getRateLimitInfo();
    assert(limit === 1 && remaining === 0 && reset > 1_700_000_000, `${limit} ${remaining} ${reset}`);
  });

  await check("429 is RATE_LIMIT_EXCEEDED", async () => {
    const limited = client("once_node");
    equal((await limited.executeWorkflow("greeting", ada)).success, true);
    const error = await refused(() => limited.executeWorkflow("greeting", ada), "RATE_LIMIT_EXCEEDED", 429);
    const { retryAfter } = limited.getRateLimitInfo();
    assert(retryAfter > 0 && retryAfter <= 60000 && error.message.includes(String(retryAfter)), error.message);
    await refused(() => limited.executeWithRetry("greeting", ada, {}, { maxRetries: 0 }), "RATE_LIMIT_EXCEEDED", 429);
    equal((await limited.getUsageLimits()).rateLimit.sync.isLimited, true);
  });
}

// The SDK leaves a timer running for each call.
process.exit(0);
