// A page of another origin runs a workflow with a short-lived token: CORS, streams, a connection that is lost.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { accessibility } from './harness/browser.mjs';
import { publish } from './harness/seed.mjs';
import { startStage } from './harness/stage.mjs';

const EXAMPLES = new URL('../../examples/', import.meta.url);
const read = (name) => readFileSync(new URL(name, EXAMPLES), 'utf8');
const STORY = /^Once upon a time there was a baker, who kept a light burning .* found its way home\.$/;

const { server, browser } = await startStage({ seeded: false });
await publish(server, 'story', read('story.yaml'));
const own = await serve();
const stranger = await serve();
const { key } = await server.request('POST', '/v1/keys', {
  name: 'storyteller',
  workflows: ['story'],
  scopes: ['run', 'read'],
  origins: [own],
});

/** Serves the page of the example at an origin of its own. */
async function serve() {
  const files = createServer((_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(read('browser/index.html')),
  );
  await new Promise((listening) => files.listen(0, '127.0.0.1', () => listening(undefined)));
  after(() => files.close());
  return `http://127.0.0.1:${files.address().port}`;
}

/** Opens the page at an origin with a token that its server would make. */
async function open(origin, more = {}) {
  const token = await server.request(
    'POST',
    '/v1/tokens',
    { workflow_id: 'story', ...more },
    { authorization: `Bearer ${key}` },
  );
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  after(() => page.close());
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.message));
  await page.goto(`${origin}/#${new URLSearchParams({ server: server.api, workflow: 'story', token: token.token })}`);
  return page;
}

async function ask(page) {
  await page.getByLabel('Who the story is about').fill('a baker');
  await page.getByRole('button', { name: 'Run' }).click();
}

const written = (page) => page.locator('#text');

test('a page of an origin that the key names shows the text as it is written', async () => {
  const page = await open(own);
  await ask(page);
  await page.waitForFunction(() => /^Once upon a time/.test(document.getElementById('text').textContent));
  assert.match(await page.getByRole('status').textContent(), /Running/);
  await page.getByText(/^Done in/).waitFor();
  assert.match(await written(page).textContent(), STORY);
  assert.deepEqual(await accessibility(page), []);
  assert.deepEqual(page.errors, []);
});

test('a connection that is lost is taken up where it was, and the run is the same', async () => {
  const page = await open(own);
  let cut = 0;
  await page.route(`${server.api}/v1/**`, async (route) => {
    // The start is answered, and its answer lost; so is the first look at the events.
    if (!/\/(runs|events)$/.test(new URL(route.request().url()).pathname) || cut++ > 1) return route.continue();
    await route.fetch().catch(() => undefined);
    return route.abort('connectionreset');
  });
  await ask(page);
  await page.getByText(/^Done in/).waitFor();
  assert.match(await written(page).textContent(), STORY);
  const { items } = await server.request('GET', '/v1/workflows/story/runs');
  assert.equal(items.length, 2, 'one of this test, one of the test before');
});

test('a page of another origin reads nothing', async () => {
  const page = await open(stranger);
  await page.getByText('Failed to fetch').waitFor();
  assert.equal(await page.getByRole('button').count(), 0);
});

test('a token that may only read is refused in words', async () => {
  const page = await open(own, { scopes: ['read'] });
  await ask(page);
  await page.getByText(/scope/).waitFor();
});
