// The whole story of one workflow: sign in, build it, publish it, call it, watch it, mend it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { visit } from './harness/browser.mjs';
import { settledRun } from './harness/seed.mjs';
import { startStage } from './harness/stage.mjs';

// A wrong key is tried, and whether an id is free is asked before it is taken.
const EXPECTED = [/status of 401/, /status of 404 .*\/v1\/workflows\/(mouse|key)-made$/];

const stage = await startStage();
const page = await stage.open({ key: null, ignore: EXPECTED });
const { request } = stage.server;
const button = (name) => page.getByRole('button', { name });
const dialog = (name) => page.getByRole('dialog', { name });
const node = (id) => page.locator('.react-flow__node').filter({ has: page.getByText(id, { exact: true }) });

/** The draft as the server has it, once it fits. */
async function saved(id, fits) {
  for (let tries = 0; tries < 100; tries++) {
    const { document } = await request('GET', `/v1/workflows/${id}`).catch(() => ({ document: '' }));
    if (fits(document)) return document;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`the draft was not saved as it should be:\n${(await request('GET', `/v1/workflows/${id}`)).document}`);
}

test('a wrong key is refused in words, the right one signs in', async () => {
  await visit(page, '/');
  await page.getByRole('textbox', { name: 'Key', exact: true }).fill('fg_wrong');
  await button('Sign in').click();
  await page.getByText(/No such key/).waitFor();
  await page.getByRole('textbox', { name: 'Key', exact: true }).fill(stage.server.key);
  await page.getByRole('checkbox', { name: 'Keep it for this tab' }).check();
  await button('Sign in').click();
  await page.getByRole('heading', { name: 'Workflows' }).waitFor();
  assert.ok(!page.url().includes('fg_'), 'the key is in no address');
});

test('a workflow of three nodes, by mouse', async () => {
  await button(/New workflow/)
    .first()
    .click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Mouse made');
  await button('Create draft').click();
  await page.waitForURL(/\/workflows\/mouse-made/);
  await node('Input').waitFor();
  for (const kind of ['template', 'hash', 'set']) {
    await button(/Add node/).click();
    await page.getByRole('option', { name: new RegExp(`^${kind}\\b`) }).click();
    await dialog('Add a node').waitFor({ state: 'detached' });
  }
  await saved('mouse-made', (text) => ['template', 'hash', 'set'].every((kind) => text.includes(`type: ${kind}`)));
  for (const id of ['greeting', 'fingerprint'])
    await page
      .getByRole('treeitem', { name: new RegExp(id) })
      .first()
      .waitFor();
});

test('a workflow of three nodes, by keyboard alone', async () => {
  await page.goto(`${page.base}/workflows`);
  await page.getByRole('heading', { name: 'Workflows' }).waitFor();
  await page.keyboard.press('c');
  await page.getByRole('textbox', { name: 'Name' }).waitFor();
  await page.keyboard.type('Key made');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/workflows\/key-made/);
  await node('Input').waitFor();
  await focusGraph();
  for (const kind of ['template', 'hash', 'set']) {
    await page.keyboard.press('a');
    await page.getByRole('combobox', { name: 'Find a kind' }).waitFor();
    await page.keyboard.type(kind);
    await page.keyboard.press('Enter');
    await page.getByRole('combobox', { name: 'Find a kind' }).waitFor({ state: 'detached' });
    await saved('key-made', (text) => text.includes(`type: ${kind}`));
    await focusGraph();
  }
  await page.keyboard.press('Control+z');
  await saved('key-made', (text) => !text.includes('type: set'));
  await page.keyboard.press('Control+Shift+z');
  await saved('key-made', (text) => text.includes('type: set'));
});

/** Tabs until the graph has the focus, as a user of the keyboard would. */
async function focusGraph() {
  for (let tabs = 0; tabs < 60; tabs++) {
    const inside = await page.evaluate(() => Boolean(document.activeElement?.closest('[role="tree"], .react-flow')));
    if (inside) return;
    await page.keyboard.press('Tab');
  }
  assert.fail('the graph cannot be reached with Tab');
}

test('publishing shows what changes, then how to call it', async () => {
  const draft =
    'name: Key made\ninput:\n  - { name: who, type: string, value: Ada }\nnodes:\n  - { id: hello, type: agent, model: offline/echo, echo_delay: 20ms, prompt: "Hello <api.who>, this is said word by word." }\noutput: { said: <hello.content> }\n';
  await request('PUT', '/v1/workflows/key-made', draft);
  await visit(page, '/workflows/key-made');
  await button(/^Publish/).click();
  const review = dialog('Publish');
  await review.getByText('No errors').waitFor();
  await review.getByRole('textbox', { name: 'Notes' }).fill('The first one.');
  await review.getByRole('button', { name: /^Publish/ }).click();
  await review.getByText('1.0.0 is what callers get').waitFor();
  await review.getByRole('link', { name: 'See how to call it' }).click();
  await page.waitForURL(/key-made\/api/);
});

test('a key is made for it, shown once, and the copied command runs with it', async () => {
  await button('Create key').click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('story-caller');
  await dialog('Create key').getByRole('button', { name: 'Create key' }).click();
  const once = dialog(/is ready/);
  await once.getByRole('button', { name: /^Copy$/ }).click();
  const key = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(key, /^fg_/);
  await once.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('table', { name: 'Keys' }).getByText('story-caller', { exact: true }).waitFor();
  await page.getByRole('region', { name: 'Examples' }).getByRole('button', { name: 'Copy', exact: true }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { env: { ...process.env, FLOWGATE_KEY: key } });
  assert.match(stdout, /Hello Ada/);
});

test('it is tried with streaming, from the tab', async () => {
  await page.getByRole('link', { name: 'Try it' }).first().click();
  await button('From the example').click();
  await button(/^Run\b/).click();
  await page.getByRole('region', { name: 'Result' }).getByText('Succeeded').waitFor();
  await page.getByRole('link', { name: 'Open run' }).click();
  await page.waitForURL(/\/runs\/run_/);
});

test('a run is watched while it goes on, and cancelled', async () => {
  const start = { input: { month: 'May' } };
  const { id } = await request('POST', '/v1/workflows/newsletter/runs', start, { prefer: 'respond-async' });
  await visit(page, `/runs/${id}`);
  await page.getByText('Running').first().waitFor();
  await page
    .getByText(/chapters\[0\]|write/)
    .first()
    .waitFor();
  await button('Cancel').click();
  await dialog('Cancel this run?').getByRole('button', { name: 'Cancel the run' }).click();
  await page.getByText('Cancelled').first().waitFor();
  assert.equal((await settledRun(stage.server, id)).status, 'cancelled');
});

test('the failed node is found, and a rerun goes on from it', async () => {
  await visit(page, '/runs?status=failed&workflow=support-reply');
  await page.locator(`a[href$="/runs/${stage.ids.failed}"]`).first().click();
  await page
    .getByRole('alert')
    .getByText(/search failed/)
    .waitFor();
  await button(/^Rerun from search/)
    .first()
    .click();
  await page.waitForURL((url) => /\/runs\/run_/.test(url.pathname) && !url.pathname.endsWith(stage.ids.failed));
  await page.getByText('Succeeded').first().waitFor({ timeout: 20_000 });
  const rerun = await request('GET', `/v1/runs/${new URL(page.url()).pathname.split('/').pop()}`);
  assert.equal(rerun.origin, stage.ids.failed);
});

test('a rerun takes an edited input', async () => {
  await visit(page, `/runs/${stage.ids.failed}?node=${encodeURIComponent('research[0]/search')}`);
  await button(/Edit (its )?input/)
    .first()
    .click();
  const text = page.getByRole('textbox', { name: /Input, as JSON/ });
  const input = JSON.parse(await text.inputValue());
  await text.fill(JSON.stringify({ ...input, tone: 'brief' }));
  await button('Rerun with this input').click();
  await page.waitForURL((url) => /\/runs\/run_/.test(url.pathname) && !url.pathname.endsWith(stage.ids.failed));
  const rerun = await settledRun(stage.server, new URL(page.url()).pathname.split('/').pop());
  assert.equal(rerun.input.tone, 'brief');
});

test('a webhook is delivered again', async () => {
  await visit(page, `/runs/${stage.ids.succeeded}`);
  const before = stage.helpdesk.received.filter(({ path }) => path.startsWith('/hooks/')).length;
  await page
    .getByRole('region', { name: 'Deliveries' })
    .getByRole('button', { name: /Redeliver/ })
    .click();
  const confirm = page.getByRole('dialog').getByRole('button', { name: /Redeliver|Send/ });
  if (await confirm.isVisible({ timeout: 500 }).catch(() => false)) await confirm.click();
  for (let tries = 0; tries < 50; tries++) {
    const now = stage.helpdesk.received.filter(({ path }) => path.startsWith('/hooks/')).length;
    if (now > before) return;
    await page.waitForTimeout(100);
  }
  assert.fail('nothing arrived');
});

test('the palette goes to places', async () => {
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').getByRole('combobox').waitFor();
  await page.keyboard.type('secrets');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/secrets/);
});

test('signing out leaves nothing behind', async () => {
  await visit(page, '/workflows');
  await button('Sign out').click();
  await page.getByRole('textbox', { name: 'Key', exact: true }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem('flowgate.key')), null);
});

test('nothing went wrong in the page', () => assert.deepEqual(page.problems, []));
