// The first five minutes of a new user, as docs/console.md describes them: an empty folder, what the server prints, a browser.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { launch, openPage, visit } from './harness/browser.mjs';
import { startAsNew } from './harness/server.mjs';

const FIVE_MINUTES_MS = 300_000;
const isRunning = Boolean(process.env.FLOWGATE_URL);

test('from what the server prints to an answer of an own API', {
  skip: isRunning && 'needs a new server',
}, async () => {
  const began = Date.now();
  const server = await startAsNew();
  const browser = await launch();
  after(async () => {
    await browser.close();
    await server.close();
  });
  const address = server.said.match(/console: +(http\S+)/)?.[1];
  const key = server.said.match(/Admin key[^\n]*: +(\S+)/)?.[1];
  assert.ok(address && key, `both are printed:\n${server.said}`);
  const page = await openPage(browser, server.front ?? address.replace(/\/$/, ''), {
    ignore: [/status of 404 .*\/v1\/workflows\//],
  });
  const button = (name) => page.getByRole('button', { name }).first();
  const box = (name) => page.getByRole('textbox', { name, exact: true });
  const dialog = (name) => page.getByRole('dialog', { name });
  const copied = () => page.evaluate(() => navigator.clipboard.readText());

  await visit(page, '/');
  await box('Key').fill(key);
  await button('Sign in').click();
  await button(/New workflow/).click();
  await box('Name').fill('Hello');
  await button('Create draft').click();
  await page.waitForURL(/\/workflows\/hello/);

  // A new workflow has one node, whose text the output gives.
  await page.locator('.react-flow__node:not([data-id="api"]):not([data-id="output"])').click();
  const template = page.getByRole('combobox', { name: /^Template/ });
  await template.fill('Hello from my own API');
  await page.getByText(/^Draft saved/).waitFor();
  await button(/^Publish/).click();
  await dialog('Publish')
    .getByRole('button', { name: /^Publish/ })
    .click();
  await dialog('Publish').getByRole('link', { name: 'See how to call it' }).click();

  await button('Create key').click();
  await box('Name').fill('first');
  await dialog('Create key').getByRole('button', { name: 'Create key' }).click();
  await dialog(/is ready/)
    .getByRole('button', { name: /Copy curl with this key/ })
    .click();
  const command = await copied();
  const { stdout } = await promisify(execFile)('bash', ['-c', command]);
  assert.match(stdout, /Hello from my own API/);
  await dialog(/is ready/)
    .getByText(/first call/i)
    .waitFor();
  assert.deepEqual(page.problems, []);
  assert.ok(Date.now() - began < FIVE_MINUTES_MS, 'it takes less than five minutes');
});
