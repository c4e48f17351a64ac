// The tab "Try it": the form, the three modes, cancelling, and the same run as a command line.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { visit } from './harness/browser.mjs';
import { settledRun } from './harness/seed.mjs';
import { startStage } from './harness/stage.mjs';

const stage = await startStage();
const page = await stage.open({ ignore: [/status of 4\d\d/] });

const result = () => page.getByRole('region', { name: 'Result' });
const runButton = () => page.getByRole('button', { name: /^Run\b/ });
const nodes = () => page.getByRole('region', { name: 'Nodes' });

async function ended(state) {
  await result().getByText(state, { exact: true }).first().waitFor({ timeout: 30_000 });
}

const openTry = (id, query = '') => visit(page, `/workflows/${id}/try${query}`);

test('a required field that is empty is named, and nothing is started', async () => {
  await openTry('support-reply');
  await runButton().click();
  await page.getByText('This field is required.').first().waitFor();
  assert.equal(await page.getByText('Nothing has run yet').count(), 1);
});

test('text comes as it is streamed, and each node lights up', async () => {
  await openTry('support-reply');
  await page.getByRole('button', { name: 'From the example' }).click();
  await runButton().click();
  const text = result().getByRole('article').filter({ hasText: 'answer' });
  await text.getByText(/Thanks for writing/).waitFor();
  assert.ok(!(await text.textContent()).includes('carrier delays'), 'the text is not there whole at once');
  await nodes().getByText('digest[2]').waitFor();
  await ended('Succeeded');
  assert.match(await result().textContent(), /"category": "delivery"/);
  await nodes().getByRole('img', { name: 'skipped' }).first().waitFor();
});

test('what was typed stays in the tab', async () => {
  await openTry('support-reply');
  const field = page.getByRole('textbox', { name: /^ticket_id/ });
  await field.fill('T-1');
  await page.reload();
  await field.waitFor();
  assert.equal(await field.inputValue(), 'T-1');
});

test('the input of a run fills the form', async () => {
  await openTry('support-reply', `?from=${stage.ids.failed}`);
  await page.waitForFunction(() => [...document.querySelectorAll('textarea')].some((area) => area.value === 'T-20822'));
});

test('wait and async', async () => {
  await openTry('support-reply', '?mode=wait');
  await page.getByRole('button', { name: 'From the example' }).click();
  await runButton().click();
  await ended('Succeeded');
  await nodes().getByText('ticket', { exact: true }).waitFor();
  await page.getByText('Async', { exact: true }).click();
  assert.match(page.url(), /mode=async/);
  await runButton().click();
  await ended('Running');
  await ended('Succeeded');
});

test('the draft runs as it is saved', async () => {
  const { document } = await stage.server.request('GET', '/v1/workflows/shop');
  await stage.server.request('PUT', '/v1/workflows/shop', document.replace('Within three days', 'Some day'));
  await openTry('shop', '?version=draft');
  await page.getByRole('button', { name: 'From the example' }).click();
  await page.getByRole('textbox', { name: /^speed/ }).fill('standard');
  await runButton().click();
  await ended('Succeeded');
  assert.match(await result().textContent(), /Some day/);
});

test('the keys on the button run it', async () => {
  await openTry('newsletter');
  await page.getByRole('button', { name: 'From the example' }).click();
  await page.keyboard.press('Control+Enter');
  await ended('Running');
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await ended('Cancelled');
});

test('a failed node says what to do', async () => {
  stage.helpdesk.failing.add('/tickets');
  await openTry('support-reply', '?mode=stream');
  await page.getByRole('button', { name: 'From the example' }).click();
  await runButton().click();
  await ended('Failed');
  stage.helpdesk.failing.delete('/tickets');
  const alert = result().getByRole('alert');
  assert.match(await alert.textContent(), /ticket failed: http_status/);
});

test('cancelling ends the run, in a stream and while the caller waits', async () => {
  for (const mode of ['stream', 'wait']) {
    await openTry('newsletter', `?mode=${mode}`);
    await page.getByRole('button', { name: 'From the example' }).click();
    await runButton().click();
    const cancel = page.getByRole('button', { name: 'Cancel run' });
    await cancel.waitFor();
    await page.waitForTimeout(400);
    await cancel.click();
    await ended('Cancelled');
  }
});

test('JSON and form are the same input; a refusal marks its field', async () => {
  await openTry('support-reply');
  await page.getByRole('button', { name: 'From the example' }).click();
  await page.getByText('JSON', { exact: true }).click();
  const json = page.getByRole('textbox', { name: 'Input as JSON' });
  const input = JSON.parse(await json.inputValue());
  assert.equal(input.ticket_id, 'T-20817');
  await json.fill('{ "ticket_id": 3, "question": "x" }');
  await runButton().click();
  await result().getByRole('alert').waitFor();
  assert.match(await page.getByRole('form', { name: 'Input' }).textContent(), /must be a string/);
});

test('the copied command does the same', async () => {
  await openTry('support-reply', '?mode=wait');
  await page.getByText('Form', { exact: true }).click();
  await page.getByRole('button', { name: 'From the example' }).click();
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(!command.includes(stage.server.key), 'the key is not in it');
  const env = { ...process.env, FLOWGATE_KEY: stage.server.key };
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { env });
  const run = await settledRun(stage.server, JSON.parse(stdout).id);
  assert.equal(run.status, 'succeeded');
});

test('what is typed while a file is uploaded stays', async () => {
  const document =
    'name: Of both\ninput:\n  - { name: paper, type: file }\n  - { name: note, type: string }\nnodes:\n  - { id: name, type: template, template: "<api.paper.name> <api.note>" }\n';
  await stage.server.request('PUT', '/v1/workflows/of-both', document);
  await openTry('of-both', '?version=draft');
  let go = () => {};
  const held = new Promise((resolve) => {
    go = () => resolve(undefined);
  });
  await page.route('**/v1/files*', (route) => held.then(() => route.continue()));
  const file = { name: 'small.txt', mimeType: 'text/plain', buffer: Buffer.from('small') };
  await page.getByLabel('File', { exact: true }).setInputFiles(file);
  await page.getByRole('button', { name: 'Uploading' }).waitFor();
  const note = page.getByRole('textbox', { name: /^note/ });
  await note.fill('meanwhile');
  go();
  await page.getByText('small.txt', { exact: true }).waitFor();
  assert.equal(await note.inputValue(), 'meanwhile');
  await page.unroute('**/v1/files*');
});

test('a large file that the page may not send is sent by the command it shows', async () => {
  const document =
    'name: Of a file\ninput:\n  - { name: paper, type: file }\nnodes:\n  - { id: name, type: template, template: "<api.paper.name>" }\noutput: { name: <name.content> }\n';
  await stage.server.request('PUT', '/v1/workflows/of-a-file', document);
  await openTry('of-a-file', '?version=draft&mode=wait');
  const folder = mkdtempSync(join(tmpdir(), 'flowgate-file-'));
  const path = join(folder, "year's end.bin");
  writeFileSync(path, Buffer.alloc(5_000_000, 'x'));
  await page.getByLabel('File', { exact: true }).setInputFiles(path);
  await page.getByText("year's end.bin", { exact: true }).waitFor();
  const copy = page.getByRole('button', { name: 'Copy the command' });
  // The preview of the build stands at another origin than its API, as a bucket does; a server with the console does not.
  if (stage.server.console !== stage.server.api) {
    await copy.click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    const env = { ...process.env, FLOWGATE_KEY: stage.server.key };
    await promisify(execFile)('bash', ['-c', command], { env, cwd: folder });
  }
  rmSync(folder, { recursive: true });
  await runButton().click();
  await ended('Succeeded');
  assert.match(await result().textContent(), /year's end\.bin/);
});

test('nothing went wrong in the page', () => assert.deepEqual(page.problems, []));
