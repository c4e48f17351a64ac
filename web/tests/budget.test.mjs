// What a browser loads, gzipped as the server sends it: the first load is held to its budget, the rest is printed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { visit } from './harness/browser.mjs';
import { startStage } from './harness/stage.mjs';

const KIB = 1024;
const stage = await startStage();

/** Returns the sizes of the scripts and fonts that a new page loads, by name. */
async function load(path, key) {
  const page = await stage.open({ key });
  const loaded = { script: new Map(), font: new Map() };
  const bodies = [];
  page.on('response', (response) => {
    const sizes = loaded[response.request().resourceType()];
    if (!sizes) return;
    const name = new URL(response.url()).pathname.split('/').pop();
    bodies.push(response.body().then((body) => sizes.set(name, sizes === loaded.font ? body.length : packed(body))));
  });
  await visit(page, path);
  await Promise.all(bodies);
  await page.close();
  return loaded;
}

const packed = (body) => gzipSync(body, { level: 9 }).length;
const total = (sizes) => [...sizes.values()].reduce((sum, size) => sum + size, 0);
const beyond = (more, first) => new Map([...more].filter(([name]) => !first.has(name)));
const inKib = (bytes) => `${(bytes / KIB).toFixed(1)} KiB`;

test('the server has the build that is committed', { skip: Boolean(process.env.FLOWGATE_DIST) }, async () => {
  const page = await fetch(stage.server.console, { headers: { accept: 'text/html' } });
  const committed = readFileSync(new URL('../dist/index.html', import.meta.url), 'utf8');
  // It names the other files by their hashes. The server writes where it is into it.
  const withoutBase = (html) => html.replace(/<base href="[^"]*"/, '');
  assert.equal(withoutBase(await page.text()), withoutBase(committed));
});

test('the first load has at most 150 KiB of script, and fonts of at most 80 KiB', async (context) => {
  const signIn = await load('/', null);
  const list = await load('/workflows', stage.server.key);
  context.diagnostic(`sign-in: script ${inKib(total(signIn.script))}, fonts ${inKib(total(signIn.font))}`);
  context.diagnostic(`workflows: script ${inKib(total(list.script))}, fonts ${inKib(total(list.font))}`);
  assert.ok(total(signIn.script) > 0 && total(list.font) > 0, 'something was loaded');
  assert.ok(total(list.script) <= 150 * KIB, inKib(total(list.script)));
  assert.ok(total(list.font) <= 80 * KIB, inKib(total(list.font)));
});

for (const [path, list] of [
  ['/workflows', '/v1/workflows?limit=100&include=last_run'],
  ['/runs', '/v1/runs?limit=100'],
]) {
  test(`${path} asks for its list before the console has come, and once`, async () => {
    const page = await stage.open();
    const asked = [];
    page.on('request', (request) => asked.push(request.url().slice(page.base.length)));
    let release = () => {};
    const held = new Promise((resolve) => {
      release = () => resolve(undefined);
    });
    await page.route('**/assets/start-*.js', async (route) => {
      await held;
      await route.continue();
    });
    const opened = page.goto(page.base + path);
    await page.waitForRequest((request) => request.url() === page.base + list);
    release();
    await opened;
    await page.getByRole('main').locator('tbody tr').first().waitFor();
    for (const address of [list, '/v1/keys/self']) {
      assert.equal(asked.filter((one) => one === address).length, 1, `${address} is asked for once`);
    }
    await page.close();
  });
}

test('the graph comes with the builder, the editor with the document', async (context) => {
  const list = await load('/workflows', stage.server.key);
  const builder = await load('/workflows/support-reply', stage.server.key);
  const editor = await load('/workflows/support-reply?panel=document', stage.server.key);
  const ofBuilder = beyond(builder.script, list.script);
  const ofEditor = beyond(editor.script, builder.script);
  for (const [what, sizes] of [
    ['builder', ofBuilder],
    ['editor', ofEditor],
  ]) {
    const largest = [...sizes].sort(([, a], [, b]) => b - a).slice(0, 4);
    const names = largest.map(([name, size]) => `${name} ${inKib(size)}`).join(', ');
    context.diagnostic(`${what}: ${inKib(total(sizes))} more script (${names})`);
  }
  assert.ok(ofBuilder.size > 0, 'the list does not load the builder');
  assert.ok(total(ofEditor) > 0 && total(ofEditor) <= 150 * KIB, `editor: ${inKib(total(ofEditor))}`);
});
