// The tab "API": what callers see, snippets that run, the webhook and its secret.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { visit } from './harness/browser.mjs';
import { startStage } from './harness/stage.mjs';

const stage = await startStage();
const page = await stage.open();
await visit(page, '/workflows/support-reply/api');

const section = (name) => page.getByRole('region', { name, exact: true });

test('endpoint, inputs and outputs', async () => {
  await section('Endpoint').getByText('/v1/workflows/support-reply/runs').waitFor();
  const inputs = page.getByRole('table', { name: 'Inputs' });
  assert.match(await inputs.textContent(), /tone\s*string\s*"friendly"/);
  assert.match(await inputs.textContent(), /friendly, formal, brief/);
  await page.getByRole('table', { name: 'Outputs' }).getByText('answer.content').waitFor();
});

test('every language and mode has an example', async () => {
  const code = section('Examples').locator('pre');
  for (const lang of ['curl', 'Python', 'TypeScript', 'Go', 'Rust']) {
    await page.getByRole('tab', { name: lang }).click();
    for (const mode of ['Wait', 'Stream', 'Async', 'Webhook']) {
      await section('Examples').getByText(mode, { exact: true }).click();
      await code.waitFor();
      assert.ok((await code.textContent()).length > 40, `${lang}, ${mode}`);
    }
  }
});

test('the copied curl command runs', async () => {
  await visit(page, '/workflows/support-reply/api?lang=curl&mode=wait');
  await section('Examples').getByRole('button', { name: 'Copy', exact: true }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  const env = { ...process.env, FLOWGATE_KEY: stage.server.key };
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { env });
  assert.match(stdout, /"status":\s*"succeeded"/);
});

test('a test delivery arrives', async () => {
  // The runs before have deliveries of their own, which may come at the same time.
  const hooks = () => stage.helpdesk.received.filter(({ path }) => path === '/hooks/support-reply').length;
  const before = hooks();
  await section('Webhook').getByRole('button', { name: 'Send test' }).click();
  await section('Webhook')
    .getByText(/The receiver answered 200/)
    .waitFor();
  assert.ok(hooks() > before);
});

test('the signing secret is shown only when it is asked for, and rotates', async () => {
  const webhook = section('Webhook');
  assert.equal(await webhook.getByText(/whsec_[A-Za-z0-9+/=]{20,}/).count(), 0);
  await webhook.getByRole('button', { name: 'Show' }).click();
  await webhook.getByText(/whsec_[A-Za-z0-9+/=]{20,}/).waitFor();
  await webhook.getByRole('button', { name: 'Rotate' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
  await webhook.getByText(/second one also signs/).waitFor();
  assert.equal(await webhook.getByText(/whsec_[A-Za-z0-9+/=]{20,}/).count(), 2);
});

test('schedules, budget, OpenAPI and keys', async () => {
  await section('Budget')
    .getByText(/\$0\.5/)
    .waitFor();
  await page.getByRole('table', { name: 'Keys' }).getByText('mobile-app').waitFor();
  const saving = page.waitForEvent('download');
  await section('Other addresses').getByRole('button', { name: 'Download' }).click();
  const file = await (await saving).createReadStream();
  let text = '';
  for await (const chunk of file) text += chunk;
  assert.equal(JSON.parse(text).openapi.slice(0, 3), '3.1');
  await visit(page, '/workflows/price-watch/api');
  await page.getByRole('table', { name: 'Schedules' }).getByText('0 7 * * *').waitFor();
});

test('nothing went wrong in the page', () => assert.deepEqual(page.problems, []));
