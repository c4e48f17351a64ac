// Keys: made, shown once, used, rotated, revoked; and what the console shows to keys that may do less.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { visit } from './harness/browser.mjs';
import { startStage } from './harness/stage.mjs';

const stage = await startStage();
const page = await stage.open();
const { request } = stage.server;

const run = promisify(execFile);
const row = (name) => page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });
const dialog = (name) => page.getByRole('dialog', { name });
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const call = (key, method, path) =>
  fetch(`${stage.server.api}${path}`, { method, headers: { authorization: `Bearer ${key}` } });
const answerTo = async (key) => (await call(key, 'GET', '/v1/keys/self')).status;

let key;

test('a key without a name or a scope is not made', async () => {
  await visit(page, '/keys');
  await page.keyboard.press('c');
  await dialog('Create key').getByRole('button', { name: 'Create key' }).click();
  await dialog('Create key').getByText('Something above is missing or wrong.').waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Name', exact: true }).getAttribute('aria-invalid'), 'true');
});

test('a new key is shown once, and closes only when it was taken', async () => {
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('shop-floor');
  await dialog('Create key').getByRole('button', { name: 'Create key' }).click();
  const once = dialog(/is ready/);
  const done = once.getByRole('button', { name: 'Done' });
  assert.equal(await done.getAttribute('aria-disabled'), 'true');
  // Chromium closes a dialog at the second Escape, whatever the page says to the first.
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press('Escape');
  await once.waitFor();
  await once.getByRole('button', { name: 'Copy', exact: true }).click();
  key = await clipboard();
  assert.match(key, /^fg_/);
  await once.getByText('Waiting for the first call').waitFor();
  assert.equal((await call(key, 'GET', '/v1/keys')).status, 403);
  const refused = once.getByRole('status').filter({ hasText: 'was refused at' });
  await refused.getByText('the key lacks the scope that the call needs (forbidden)').waitFor({ timeout: 15_000 });
  await once.getByRole('button', { name: 'Copy curl with this key' }).click();
  await run('bash', ['-c', await clipboard()]);
  await once.getByText('The first call with this key has arrived.').waitFor({ timeout: 15_000 });
  await done.click();
  await row('shop-floor').getByText('Active').waitFor();
  assert.equal(await page.getByText(key).count(), 0);
});

test('a key is renamed where its details stand, which say why it was refused last', async () => {
  await page.getByRole('button', { name: 'shop-floor', exact: true }).click();
  const details = dialog('shop-floor');
  await details.getByText('the key lacks the scope that the call needs (forbidden)').waitFor();
  await details.getByRole('button', { name: 'Rename' }).click();
  const name = details.getByRole('textbox', { name: 'New name' });
  await name.fill('not this');
  await name.press('Escape');
  await details.getByRole('button', { name: 'Rename' }).click();
  assert.equal(await name.inputValue(), 'shop-floor');
  await name.fill('shop-window');
  await name.press('Enter');
  await dialog('shop-window').getByRole('button', { name: 'Rename' }).waitFor();
  await dialog('shop-window').getByRole('button', { name: 'Close' }).click();
  await row('shop-window').getByText('Active').waitFor();
  const { items } = await request('GET', '/v1/keys?limit=100');
  assert.deepEqual(
    ['shop-floor', 'shop-window'].map((name) => items.filter((item) => item.name === name).length),
    [0, 1],
  );
});

test('rotating gives a second key, and the first one ends when it should', async () => {
  await row('shop-window')
    .getByRole('button', { name: /^More for/ })
    .click();
  await page.getByRole('button', { name: /^Rotate/ }).click();
  const rotate = dialog('Rotate shop-window');
  await rotate.getByText('0', { exact: true }).click();
  await rotate.getByRole('button', { name: 'Rotate' }).click();
  const once = dialog(/is ready/);
  await once.getByRole('button', { name: 'Copy', exact: true }).click();
  const second = await clipboard();
  await once.getByRole('button', { name: 'Done' }).click();
  assert.notEqual(second, key);
  assert.deepEqual([await answerTo(key), await answerTo(second)], [401, 200]);
  key = second;
});

test('revoking ends a key at once', async () => {
  await visit(page, '/keys?q=mobile-app');
  await row('mobile-app')
    .getByRole('button', { name: /^More for/ })
    .click();
  await page.getByRole('button', { name: /^Revoke/ }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('mobile-app');
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /Revoke/ })
    .click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  const { items } = await request('GET', '/v1/keys');
  const left = items.filter(
    ({ name, ends_at }) => name === 'mobile-app' && !(ends_at && Date.parse(ends_at) <= Date.now()),
  );
  assert.deepEqual(left, []);
});

test('a key that only runs and reads begins at the runs, and sees what it lacks', async () => {
  const caller = await request('POST', '/v1/keys', { name: 'caller', workflows: '*', scopes: ['run', 'read'] });
  const other = await stage.open({ key: caller.key });
  await visit(other, '/');
  await other.waitForURL(/\/runs$/);
  assert.deepEqual(other.problems, []);
  await visit(other, '/numbers');
  assert.deepEqual(other.problems, []);
  await visit(other, '/workflows');
  await other.getByText('Your key may not see the workflows').waitFor();
  await other.getByRole('button', { name: 'Copy the CLI command' }).click();
  const command = await other.evaluate(() => navigator.clipboard.readText());
  assert.match(command, /^flowgate keys create \S+ .*--scopes \S*author$/);
  await other.close();
});

test('another key does not show what the one before could see', async () => {
  const caller = await request('POST', '/v1/keys', { name: 'lesser', workflows: '*', scopes: ['run', 'read'] });
  const other = await stage.open({ ignore: [/status of 403/] });
  await visit(other, '/secrets');
  await other.getByRole('table').waitFor();
  await visit(other, '/keys');
  await other.getByRole('table', { name: 'Keys' }).waitFor();
  await other.keyboard.press('Control+k');
  await other.getByRole('combobox', { name: 'Search or jump to' }).fill('another key');
  await other.keyboard.press('Enter');
  await other.getByLabel('Key', { exact: true }).fill(caller.key);
  await other.getByRole('button', { name: 'Sign in', exact: true }).click();
  await other.getByText('Your key may not see the keys').waitFor();
  assert.equal(await other.getByRole('table').count(), 0);
  assert.deepEqual(other.problems, []);
  await other.close();
});

test('nothing went wrong in the page', () => assert.deepEqual(page.problems, []));

test('a secret becomes a login, and the dialog closes when somebody has made it', async () => {
  await visit(page, '/secrets');
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  const login = dialog('Log in at a vendor');
  await login.getByLabel('Vendor').selectOption('slack');
  await login.getByLabel('Client id').fill('an-application');
  await login.getByLabel('Client secret').fill('its-secret');
  await login.getByRole('button', { name: 'Continue' }).click();
  const link = login.getByRole('link', { name: /Open the vendor’s page/ });
  const address = new URL(await link.getAttribute('href'));
  assert.equal(address.origin, 'https://slack.com');
  assert.equal(address.searchParams.get('client_id'), 'an-application');
  assert.doesNotMatch(address.href, /its-secret/);
  await login.getByText(address.searchParams.get('redirect_uri')).waitFor();
  await page
    .getByRole('row', { name: /SLACK_TOKEN/ })
    .getByText('nobody logged in')
    .waitFor();

  const stored = { connector: 'slack', client_id: 'an-application', refresh_token: 'made elsewhere' };
  await request('PUT', '/v1/secrets/SLACK_TOKEN', { oauth2: stored });
  await login.waitFor({ state: 'detached', timeout: 15_000 });
  await page
    .getByRole('row', { name: /SLACK_TOKEN/ })
    .getByText('login', { exact: true })
    .waitFor();
});
