// What some browsers do not have: without TLS, at a name of the own network, neither clipboard nor random UUIDs; where site
// data is switched off, no storage.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visit } from './harness/browser.mjs';
import { startStage } from './harness/stage.mjs';

const NAME = 'flowgate.test';
const stage = await startStage({ browserArgs: [`--host-resolver-rules=MAP ${NAME} 127.0.0.1`] });
// Chromium says that it does not heed this header there: the server need not know how it is reached.
const ignore = [/Cross-Origin-Opener-Policy header has been ignored/];
const page = await stage.open({ base: stage.server.console.replace('127.0.0.1', NAME), ignore });

/** What is in the clipboard: the page cannot read it, so it is pasted into a field. */
async function pasted() {
  await visit(page, '/keys');
  const filter = page.getByRole('textbox', { name: /^Filter/ }).or(page.getByRole('searchbox'));
  await filter.first().fill('');
  await page.keyboard.press('Control+v');
  return filter.first().inputValue();
}

test('the page is one without TLS', async () => {
  await visit(page, '/keys');
  assert.equal(await page.evaluate(() => isSecureContext || 'clipboard' in navigator || 'randomUUID' in crypto), false);
});

test('a new key can be copied, out of its dialog', async () => {
  await page.keyboard.press('c');
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('lan');
  await page.getByRole('dialog', { name: 'Create key' }).getByRole('button', { name: 'Create key' }).click();
  const once = page.getByRole('dialog', { name: /is ready/ });
  await once.getByRole('button', { name: 'Copy', exact: true }).click();
  await once.getByText('Copied', { exact: true }).waitFor();
  await once.getByRole('button', { name: 'Done' }).click();
  assert.match(await pasted(), /^fg_/);
});

test('a workflow is tried', async () => {
  await visit(page, '/workflows/support-reply/try');
  await page.getByRole('button', { name: 'From the example' }).click();
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await page.getByRole('button', { name: /^Run\b/ }).click();
  await page.getByRole('region', { name: 'Result' }).getByText('Succeeded').waitFor({ timeout: 20_000 });
  assert.match(await pasted(), /^curl /);
});

test('a browser that keeps nothing signs in, and works', async () => {
  const other = await stage.open({ key: null });
  await other.addInitScript(() => {
    for (const name of ['sessionStorage', 'localStorage']) {
      const refuse = () => {
        throw new DOMException('Access is denied for this document.', 'SecurityError');
      };
      Object.defineProperty(window, name, { get: refuse });
    }
  });
  await visit(other, '/workflows');
  await other.getByLabel('Key', { exact: true }).fill(stage.server.key);
  await other.getByRole('button', { name: 'Sign in', exact: true }).click();
  await other.getByRole('link', { name: 'Support reply' }).first().click();
  await other.getByRole('button', { name: /Add node/ }).waitFor();
  assert.deepEqual(other.problems, []);
  await other.close();
});

test('nothing went wrong in the page', () => assert.deepEqual(page.problems, []));
