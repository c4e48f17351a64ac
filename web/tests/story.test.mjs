// The whole story of one workflow: sign in, build it, publish it, call it, watch it, mend it. Each stop is checked for
// accessibility in light and dark; an error in the page, a request elsewhere or a violation of its policy fails the last test.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { accessibility, settled, visit } from './harness/browser.mjs';
import { settledRun } from './harness/seed.mjs';
import { startStage } from './harness/stage.mjs';

// A wrong key is tried, and whether an id is free is asked before it is taken.
const EXPECTED = [/status of 401/, /status of 404 .*\/v1\/workflows\/welcome-note$/];
/** A server of several processes sees a request to cancel with its next heartbeat, of up to 20 s. */
const HEARTBEAT = { timeout: 30_000 };

const stage = await startStage();
const page = await stage.open({ key: null, ignore: EXPECTED });
const { request } = stage.server;
const button = (name) => page.getByRole('button', { name });
const dialog = (name) => page.getByRole('dialog', { name });
const region = (name) => page.getByRole('region', { name, exact: true });
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const shownRun = () => new URL(page.url()).pathname.split('/').pop();
let callerKey = '';

const DOCUMENT = `name: Welcome note
input:
  - { name: who, type: string, value: Ada }
nodes:
  - { id: hello, type: agent, model: offline/echo, echo_delay: 20ms, prompt: "Hello <api.who>, this is said word by word." }
output: { said: <hello.content> }
`;

/** Waits until it holds on the server; what the page does goes there by itself. */
async function eventually(what, holds) {
  for (let tries = 0; tries < 200; tries++) {
    const found = await holds();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`it did not come about: ${what}`);
}

/** What stands on the page is accessible in both themes. */
async function accessible() {
  const wrong = [];
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    await settled(page);
    wrong.push(...(await accessibility(page)).map((violation) => `${colorScheme}: ${violation}`));
  }
  assert.deepEqual(wrong, []);
}

async function runInShell(command, key) {
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { env: { ...process.env, FLOWGATE_KEY: key } });
  return stdout;
}

test('a wrong key is refused in words, the right one signs in', async () => {
  await visit(page, '/');
  await accessible();
  await page.getByRole('textbox', { name: 'Key', exact: true }).fill('fg_wrong');
  await button('Sign in').click();
  await page.getByText(/No such key/).waitFor();
  await page.getByRole('textbox', { name: 'Key', exact: true }).fill(stage.server.key);
  await page.getByRole('checkbox', { name: 'Keep it for this tab' }).check();
  await button('Sign in').click();
  await page.getByRole('heading', { name: 'Workflows' }).waitFor();
  assert.ok(!page.url().includes(stage.server.key), 'the key is in no address');
  await accessible();
});

test('a workflow is built', async () => {
  await button(/New workflow/)
    .first()
    .click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Welcome note');
  await accessible();
  await button('Create draft').click();
  await page.waitForURL(/\/workflows\/welcome-note/);
  const draft = () => request('GET', '/v1/workflows/welcome-note').then(({ document }) => document);
  for (const kind of ['template', 'hash', 'set']) {
    await button(/Add node/).click();
    await page.getByRole('option', { name: new RegExp(`^${kind}\\b`) }).click();
    await dialog('Add a node').waitFor({ state: 'detached' });
    await eventually(`the draft has a ${kind}`, async () => (await draft()).includes(`type: ${kind}`));
  }
  await accessible();
});

test('publishing shows what changes, then how to call it', async () => {
  await request('PUT', '/v1/workflows/welcome-note', DOCUMENT);
  await visit(page, '/workflows/welcome-note');
  await button(/^Publish/).click();
  const review = dialog('Publish');
  await review.getByText('No errors').waitFor();
  await review.getByRole('textbox', { name: 'Notes' }).fill('The first one.');
  await accessible();
  await review.getByRole('button', { name: /^Publish/ }).click();
  await review.getByText('1.0.0 is what callers get').waitFor();
  await review.getByRole('link', { name: 'See how to call it' }).click();
  await page.waitForURL(/welcome-note\/api/);
});

test('a key is made for it, and shown once', async () => {
  await accessible();
  await button('Create key').click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('story-caller');
  await accessible();
  await dialog('Create key').getByRole('button', { name: 'Create key' }).click();
  const once = dialog(/is ready/);
  await once.getByRole('button', { name: /^Copy$/ }).click();
  callerKey = await clipboard();
  assert.match(callerKey, /^fg_/);
  await accessible();
  await once.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('table', { name: 'Keys' }).getByText('story-caller', { exact: true }).waitFor();
  assert.ok(!(await page.content()).includes(callerKey), 'it is shown no more');
});

test('the copied curl command runs with that key', async () => {
  await region('Examples').getByRole('button', { name: 'Copy', exact: true }).click();
  const command = await clipboard();
  assert.ok(!command.includes(callerKey), 'the key is not in it');
  assert.match(await runInShell(command, callerKey), /Hello Ada/);
});

test('it is tried with streaming, from the tab', async () => {
  await page.getByRole('link', { name: 'Try it' }).first().click();
  await button('From the example').click();
  await button(/^Run\b/).click();
  await region('Result').getByText('Succeeded').waitFor();
  await accessible();
  await page.getByRole('link', { name: 'Open run' }).click();
  await page.waitForURL(/\/runs\/run_/);
  assert.equal((await request('GET', `/v1/runs/${shownRun()}`)).mode, 'stream');
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
  await accessible();
  await button('Cancel').click();
  await dialog('Cancel this run?').getByRole('button', { name: 'Cancel the run' }).click();
  await page.getByText('Cancelled').first().waitFor(HEARTBEAT);
  assert.equal((await settledRun(stage.server, id)).status, 'cancelled');
});

test('the failed node is found, and a rerun goes on from it', async () => {
  await visit(page, '/runs?status=failed&workflow=support-reply');
  await accessible();
  await page.locator(`a[href$="/runs/${stage.ids.failed}"]`).first().click();
  await page
    .getByRole('alert')
    .getByText(/search failed/)
    .waitFor();
  await accessible();
  await button(/^Rerun from search/)
    .first()
    .click();
  await page.waitForURL((url) => /\/runs\/run_/.test(url.pathname) && !url.pathname.endsWith(stage.ids.failed));
  await page.getByText('Succeeded').first().waitFor({ timeout: 20_000 });
  assert.equal((await request('GET', `/v1/runs/${shownRun()}`)).origin, stage.ids.failed);
});

test('a rerun takes an edited input', async () => {
  await visit(page, `/runs/${stage.ids.failed}?node=${encodeURIComponent('research[0]/search')}`);
  await button(/Edit (its )?input/)
    .first()
    .click();
  const text = page.getByRole('textbox', { name: /Input, as JSON/ });
  const input = JSON.parse(await text.inputValue());
  await text.fill(JSON.stringify({ ...input, tone: 'brief' }));
  await accessible();
  await button('Rerun with this input').click();
  await page.waitForURL((url) => /\/runs\/run_/.test(url.pathname) && !url.pathname.endsWith(stage.ids.failed));
  assert.equal((await settledRun(stage.server, shownRun())).input.tone, 'brief');
});

test('a webhook is delivered again', async () => {
  const arrived = () => stage.helpdesk.received.filter(({ path }) => path.startsWith('/hooks/')).length;
  const delivered = async () => {
    const { items } = await request('GET', `/v1/runs/${stage.ids.succeeded}/deliveries`);
    return items.length > 0 && items.every(({ status }) => status === 'delivered');
  };
  await eventually('the first delivery', delivered);
  await visit(page, `/runs/${stage.ids.succeeded}`);
  const before = arrived();
  await region('Deliveries')
    .getByRole('button', { name: /Redeliver/ })
    .click();
  await eventually('another delivery arrives', () => arrived() > before);
  await visit(page, '/deliveries');
  await accessible();
});

test('two versions are compared, and the older one is made active again', async () => {
  await visit(page, '/workflows/support-reply/versions');
  await accessible();
  await page.getByRole('checkbox', { name: 'Choose 1.0.0' }).check();
  await page.getByRole('checkbox', { name: 'Choose 1.0.1' }).check();
  await button('Compare chosen').click();
  await region('Nodes that differ').getByText('confident').waitFor();
  await accessible();
  await visit(page, '/workflows/support-reply/versions');
  await page.getByRole('row').filter({ hasText: '1.0.0' }).getByRole('button', { name: 'Roll back' }).click();
  await accessible();
  await dialog('Make 1.0.0 active?').getByRole('button', { name: 'Make 1.0.0 active' }).click();
  await dialog('Make 1.0.0 active?').waitFor({ state: 'detached' });
  await page.getByRole('row').filter({ hasText: '1.0.0' }).getByText('Active', { exact: true }).waitFor();
  assert.equal((await request('GET', '/v1/workflows/support-reply')).active_version, '1.0.0');
});

test('the palette goes to places', async () => {
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').getByRole('combobox').waitFor();
  await accessible();
  await page.keyboard.type('secrets');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/secrets/);
});

test('signing out leaves nothing behind', async () => {
  await visit(page, '/workflows');
  await button('Sign out').click();
  await page.getByRole('textbox', { name: 'Key', exact: true }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
  assert.ok(!kept.includes(stage.server.key));
});

test('nothing went wrong in the page', () => assert.deepEqual(page.problems, []));
