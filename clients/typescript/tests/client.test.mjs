// The client against a running server (`clients/test`).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { before, test } from 'node:test';
import {
  ApiError,
  createClient,
  follow,
  startAndFollow,
  verifyWebhook,
  WebhookVerificationError,
  waitFor,
} from '@flowgate/client';

const { FLOWGATE_URL: url, FLOWGATE_CUT_URL: cutUrl, FLOWGATE_ADMIN_KEY: adminKey } = process.env;
const WORDS = 'one two three four five six';
const SAY = `
input: [{ name: text, type: string }]
nodes: [{ id: say, type: agent, model: offline/echo, echo_delay: 300ms, prompt: <api.text> }]
output: { said: <say.content> }
`;
const RUNS = '/v1/workflows/{workflow_id}/runs';
const params = { path: { workflow_id: 'typescript-say' } };
const admin = createClient({ url, key: adminKey });
let connection;
let client;

before(async () => {
  const headers = { 'Content-Type': 'application/yaml' };
  const saved = await admin.PUT('/v1/workflows/{workflow_id}', {
    params,
    headers,
    body: SAY,
    bodySerializer: (body) => body,
  });
  assert.equal(saved.response.status, 200, JSON.stringify(saved.error));
  await admin.POST('/v1/workflows/{workflow_id}/versions', { params, body: {} });
  const { data } = await admin.POST('/v1/keys', {
    body: { name: 'typescript', workflows: ['typescript-say'], scopes: ['run', 'read', 'cancel'] },
  });
  connection = { url, key: data.key };
  client = createClient(connection);
});

const accept = async (text) => {
  const header = { Prefer: 'respond-async' };
  const { data, response } = await client.POST(RUNS, { params: { ...params, header }, body: { input: { text } } });
  assert.equal(response.status, 202);
  return data.id;
};

const all = async (events) => {
  const list = [];
  for await (const event of events) list.push(event);
  return list;
};

test('a run is waited for', async () => {
  const { data } = await client.POST(RUNS, { params, body: { input: { text: 'hi' } } });
  assert.deepEqual([data.status, data.output], ['succeeded', { said: 'hi' }]);
});

test('a run is accepted and polled', async () => {
  const run = await waitFor(connection, await accept('a b'), { timeoutMs: 30_000 });
  assert.deepEqual([run.status, run.output], ['succeeded', { said: 'a b' }]);
});

test('waiting ends, and a run is cancelled', async () => {
  const id = await accept(WORDS.repeat(9));
  await assert.rejects(waitFor(connection, id, { timeoutMs: 200 }), /has not ended/);
  await assert.rejects(waitFor(connection, id, { signal: AbortSignal.timeout(200) }), { name: 'TimeoutError' });
  const { response } = await client.POST('/v1/runs/{run_id}/cancel', { params: { path: { run_id: id } } });
  assert.ok(response.ok);
  assert.equal((await waitFor(connection, id, { timeoutMs: 30_000 })).status, 'cancelled');
});

test('a refusal is a problem', async () => {
  const { error } = await client.POST(RUNS, { params, body: { input: { texts: 1 } } });
  assert.equal(error.code, 'invalid_input');
  const unknown = 'run_00000000000070008000000000000000';
  const isRefusal = (error) => error instanceof ApiError && error.status === 404 && error.code !== '';
  await assert.rejects(all(follow(connection, unknown)), isRefusal);
  await assert.rejects(waitFor({ url, key: 'fg_wrong' }, unknown), { name: 'ApiError', status: 401 });
});

test('a file is stored and read', async () => {
  const bytes = new Uint8Array([0, 255]);
  const headers = { 'Content-Type': 'application/octet-stream' };
  const query = { name: 'a.bin' };
  const { data } = await client.POST('/v1/files', { params: { query }, headers, body: bytes, bodySerializer: (it) => it });
  assert.deepEqual([data.name, data.size], ['a.bin', 2]);
  const params = { path: { file_id: data.$file } };
  const read = await client.GET('/v1/files/{file_id}', { params, parseAs: 'arrayBuffer' });
  assert.deepEqual(new Uint8Array(read.data), bytes);
});

for (const { name, to, fits } of [
  { name: 'a stream has the whole text', to: url, fits: (count) => count === 1 },
  { name: 'a stream that is cut goes on', to: cutUrl, fits: (count) => count >= 3 },
]) {
  test(name, async () => {
    const asked = [];
    const counted = (input, init) => {
      asked.push(init.method);
      return fetch(input, init);
    };
    const through = { ...connection, url: to, fetch: counted };
    const events = await all(startAndFollow(through, 'typescript-say', { input: { text: WORDS } }));
    assert.deepEqual([events[0].type, events.at(-1).type], ['run.started', 'run.finished']);
    const chunks = events.filter(({ type }) => type === 'chunk');
    assert.equal(chunks.map(({ data }) => data.text).join(''), WORDS);
    const ids = events.map(({ id }) => id).filter(Boolean);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(fits(asked.length), `${asked.length} streams`);
    assert.equal(asked.filter((method) => method === 'POST').length, 1);
    const { run_id: id } = events[0].data;
    const rest = await all(follow(connection, id, { after: chunks[0].id }));
    assert.deepEqual(rest, events.slice(events.indexOf(chunks[0]) + 1));
    assert.deepEqual(await all(follow(connection, id, { after: events.at(-1).id })), []);
  });
}

test('it gives up where nobody answers', async () => {
  const nowhere = { url: 'http://127.0.0.1:9', key: connection.key };
  await assert.rejects(all(startAndFollow(nowhere, 'typescript-say', {}, { attempts: 2 })), TypeError);
});

test('a webhook is verified', async () => {
  const receiver = createServer().listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const received = once(receiver, 'request');
  const webhooks = [{ url: `http://127.0.0.1:${receiver.address().port}/` }];
  const { data: run } = await client.POST(RUNS, { params, body: { input: { text: 'hi' }, webhooks } });
  const [request, response] = await received;
  const body = (await request.setEncoding('utf8').toArray()).join('');
  response.writeHead(204).end();
  receiver.close();
  const path = '/v1/workflows/{workflow_id}/signing-secret';
  const { secrets } = (await admin.GET(path, { params })).data;
  assert.equal(verifyWebhook(secrets, body, request.headers).id, run.id);
  const other = `whsec_${'A'.repeat(43)}=`;
  assert.equal(verifyWebhook([other, ...secrets], body, new Headers(request.headers)).id, run.id);
  assert.throws(() => verifyWebhook(other, body, request.headers), WebhookVerificationError);
  assert.throws(() => verifyWebhook(secrets, `${body} `, request.headers), WebhookVerificationError);
});
