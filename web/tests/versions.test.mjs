// Versions: compare two, open one, roll back, unpublish.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visit } from './harness/browser.mjs';
import { startStage } from './harness/stage.mjs';

const stage = await startStage();
const page = await stage.open();

const row = (version) => page.getByRole('row').filter({ hasText: version });
const active = async () => (await stage.server.request('GET', '/v1/workflows/support-reply')).active_version;

test('two versions side by side, with the nodes that differ', async () => {
  await visit(page, '/workflows/support-reply/versions');
  await page.getByRole('checkbox', { name: 'Choose 1.0.0' }).check();
  await page.getByRole('checkbox', { name: 'Choose 1.0.1' }).check();
  await page.getByRole('button', { name: 'Compare chosen' }).click();
  const nodes = page.getByRole('region', { name: 'Nodes that differ' });
  await nodes.getByText('confident').waitFor();
  assert.match(page.url(), /a=1\.0\.0&b=1\.0\.1/);
  assert.equal(await nodes.getByText('answer').count(), 0);
  const table = page.getByRole('table', { name: '1.0.0 against 1.0.1' });
  await table.getByText('> 0.5').waitFor();
  await table.getByText('>= 0.8').waitFor();
  await table
    .getByRole('button', { name: /equal lines/ })
    .first()
    .click();
  await table.getByText('name: Support reply').first().waitFor();
});

test('the document of a version, read-only', async () => {
  await visit(page, '/workflows/support-reply/versions?open=1.0.0');
  await page.getByRole('dialog', { name: 'Version 1.0.0' }).getByText('> 0.5').waitFor();
  await page.keyboard.press('Escape');
  await page.waitForURL((url) => !url.searchParams.has('open'));
});

test('rolling back asks first', async () => {
  await visit(page, '/workflows/support-reply/versions');
  await row('1.0.0').getByRole('button', { name: 'Roll back' }).click();
  const dialog = page.getByRole('dialog', { name: 'Make 1.0.0 active?' });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await active(), '1.0.1');
  await row('1.0.0').getByRole('button', { name: 'Roll back' }).click();
  await dialog.getByRole('button', { name: 'Make 1.0.0 active' }).click();
  await row('1.0.0').getByText('Active', { exact: true }).waitFor();
  assert.equal(await active(), '1.0.0');
});

test('unpublishing closes the endpoint, and any version opens it again', async () => {
  await page.getByRole('button', { name: 'Unpublish' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Unpublish' }).click();
  await page.getByText('Nothing is active').waitFor();
  assert.equal(await active(), null);
  await row('1.0.1').getByRole('button', { name: 'Make active' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Make 1.0.1 active' }).click();
  await row('1.0.1').getByText('Active', { exact: true }).waitFor();
  assert.equal(await active(), '1.0.1');
});

test('nothing went wrong in the page', () => assert.deepEqual(page.problems, []));
