// Every page, light and dark, wide and on a phone: no error, no request elsewhere, no violation. FLOWGATE_PICTURES names a
// folder for a picture of each.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { accessibility, PHONE, settled, visit, WIDE } from './harness/browser.mjs';
import { startStage } from './harness/stage.mjs';

const PICTURES = process.env.FLOWGATE_PICTURES;

const stage = await startStage();

/** Name of the picture, and the place. `act` does what the picture shows. */
const PLACES = [
  { name: 'sign-in', path: () => '/', signedOut: true },
  { name: 'workflows', path: () => '/workflows' },
  { name: 'builder', path: () => '/workflows/support-reply' },
  { name: 'builder-node', path: () => '/workflows/support-reply?panel=node&node=answer' },
  { name: 'builder-document', path: () => '/workflows/support-reply?panel=document' },
  { name: 'publish', path: () => '/workflows/onboarding', act: publish, wideOnly: true },
  { name: 'api', path: () => '/workflows/support-reply/api' },
  { name: 'try', path: () => '/workflows/support-reply/try', act: tryIt },
  { name: 'workflow-runs', path: () => '/workflows/support-reply/runs' },
  { name: 'versions', path: () => '/workflows/support-reply/versions' },
  { name: 'compare', path: () => '/workflows/support-reply/versions?a=1.0.0&b=1.0.1' },
  { name: 'runs', path: () => '/runs' },
  { name: 'runs-failed', path: () => '/runs?status=failed' },
  { name: 'run', path: (ids) => `/runs/${ids.failed}` },
  { name: 'run-graph', path: (ids) => `/runs/${ids.failed}?tab=graph` },
  { name: 'run-io', path: (ids) => `/runs/${ids.succeeded}?tab=io` },
  { name: 'run-cancelled', path: (ids) => `/runs/${ids.cancelled}` },
  { name: 'deliveries', path: () => '/deliveries' },
  { name: 'approvals', path: () => '/approvals' },
  { name: 'numbers', path: () => '/numbers' },
  { name: 'keys', path: () => '/keys' },
  { name: 'secrets', path: () => '/secrets' },
  { name: 'nowhere', path: () => '/nowhere' },
  { name: 'key-once', path: () => '/keys', act: makeKey, wideOnly: true },
  { name: 'import', path: () => '/workflows', act: bring, wideOnly: true },
];

for (const size of [WIDE, PHONE]) {
  describe(`${size.width} px`, async () => {
    const signedIn = await stage.open({ size });
    const signedOut = await stage.open({ size, key: null });
    for (const place of PLACES) {
      if (place.wideOnly && size !== WIDE) continue;
      test(place.name, () => look(place.signedOut ? signedOut : signedIn, place, size));
    }
  });
}

async function look(page, place, size) {
  await page.emulateMedia({ colorScheme: 'light' });
  await visit(page, place.path(stage.ids));
  await place.act?.(page);
  const wrong = [];
  for (const theme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: theme });
    await settled(page);
    if (PICTURES) await page.screenshot({ path: join(PICTURES, `${place.name}-${theme}-${size.width}.png`) });
    wrong.push(...(await accessibility(page)).map((violation) => `${theme}: ${violation}`));
  }
  wrong.push(...(await overflow(page)), ...page.problems.splice(0));
  assert.deepEqual(wrong, []);
}

async function tryIt(page) {
  await page.getByRole('button', { name: 'From the example' }).click();
  await page.getByRole('button', { name: /^Run\b/ }).click();
  await page.getByRole('region', { name: 'Result' }).getByText('Succeeded').waitFor({ timeout: 20_000 });
}

async function publish(page) {
  await page.getByRole('button', { name: /^Publish/ }).click();
  await page.getByRole('dialog', { name: 'Publish' }).getByText('No errors').waitFor();
}

async function makeKey(page) {
  await page.getByRole('button', { name: /Create key/ }).click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('partner');
  await page.getByRole('dialog', { name: 'Create key' }).getByRole('button', { name: 'Create key' }).click();
  await page.getByRole('dialog', { name: /is ready/ }).waitFor();
}

async function bring(page) {
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  const importing = page.getByRole('dialog', { name: 'Import a workflow' });
  const file = new URL('../../shared/import/tests/sim/email-triage.json', import.meta.url).pathname;
  await importing.getByLabel('Workflow file').setInputFiles(file);
  await importing.getByRole('button', { name: 'Import' }).click();
  await page.getByRole('list', { name: 'Steps of the file' }).waitFor();
}

/** The page itself never scrolls sideways: what is wide scrolls within. */
async function overflow(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return wide > 0 ? [`the page is ${wide} px wider than the window`] : [];
}
