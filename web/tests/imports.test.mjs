// Files of other systems: each sample dropped, its report read beside the graph, published.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { accessibility, visit } from './harness/browser.mjs';
import { startStage } from './harness/stage.mjs';

const SAMPLES = new URL('../../shared/import/tests/', import.meta.url).pathname;
const stage = await startStage({ seeded: false });
const page = await stage.open();
const { request } = stage.server;

const dialog = (name) => page.getByRole('dialog', { name });

for (const system of readdirSync(SAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
  const files = readdirSync(join(SAMPLES, system.name)).filter((file) => /\.(json|ya?ml|flow|dsl)$/.test(file));
  for (const file of files) test(`${system.name}: ${file}`, () => bring(join(SAMPLES, system.name, file)));
}

async function bring(file) {
  await visit(page, '/workflows');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  const importing = dialog('Import a workflow');
  await importing.getByLabel('Workflow file').setInputFiles(file);
  await importing.getByRole('button', { name: 'Import' }).click();

  const report = page.getByRole('list', { name: 'Steps of the file' });
  await report.waitFor();
  const details = await page.getByText(`${basename(file)}: `).textContent();
  const counts = details.match(/\d+(?= (mapped|approximated|unsupported))/g).map(Number);
  assert.ok(counts.reduce((sum, count) => sum + count) > 0, details);
  assert.equal(await report.getByLabel('Unsupported').count(), counts[2], details);
  assert.deepEqual(await accessibility(page), []);

  const id = new URL(page.url()).pathname.split('/').pop();
  const draft = await request('GET', `/v1/workflows/${id}`);
  assert.deepEqual(
    draft.problems.filter((problem) => problem.severity === 'error'),
    [],
  );
  await page.getByRole('button', { name: /^Publish/ }).click();
  await dialog('Publish')
    .getByRole('button', { name: /^Publish/ })
    .click();
  await dialog('Publish').getByText('is what callers get').waitFor();
}
