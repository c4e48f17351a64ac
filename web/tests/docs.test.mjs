// The API's reference at /docs: every operation, light and dark, wide and on a phone, and nothing from elsewhere.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibility, launch, openPage, PHONE, settled, visit, WIDE } from './harness/browser.mjs';
import { startServer } from './harness/server.mjs';

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const open = (options) => openPage(browser, server.console, options);

/** Ids of all operations and webhooks of the document, sorted. */
async function operations() {
  const document = await server.request('GET', '/openapi.json');
  const items = [...Object.values(document.paths), ...Object.values(document.webhooks)];
  return items.flatMap((item) => Object.values(item).map(({ operationId }) => operationId)).sort();
}

test('it has every operation of the document, without a key', async () => {
  const page = await open();
  await visit(page, '/docs');
  await page.getByRole('heading', { name: 'Start a run', exact: true }).waitFor();
  const shown = await page.locator('article').evaluateAll((articles) => articles.map(({ id }) => id));
  assert.deepEqual(shown.sort(), await operations());
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('a type opens, also one that contains itself', async () => {
  const page = await open();
  await visit(page, '/docs#start_run');
  const operation = page.locator('#start_run');
  await operation.locator('summary', { hasText: 'StartRun' }).click();
  await operation.locator('dt', { hasText: 'webhooks' }).waitFor();
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('a link leads to its operation, and a search leaves what it names', async () => {
  const page = await open();
  await visit(page, '/docs#delete_secret');
  await page.locator('#delete_secret').waitFor();
  const top = await page.locator('#delete_secret').evaluate((article) => article.getBoundingClientRect().top);
  assert.ok(top >= 0 && top < WIDE.height / 2, `it stands at ${top} px`);
  await page.getByRole('searchbox', { name: 'Search' }).fill('delete secret');
  assert.equal(await page.locator('article').count(), 1);
  await page.getByRole('navigation').getByRole('link').click();
  assert.equal(new URL(page.url()).hash, '#delete_secret');
  await page.getByRole('searchbox', { name: 'Search' }).fill('nothing of the kind');
  await page.getByText('No operation has these words.').waitFor();
  assert.deepEqual(page.problems, []);
  await page.close();
});

for (const size of [WIDE, PHONE]) {
  for (const theme of ['light', 'dark']) {
    test(`${theme}, ${size.width} px: no violation, no scrolling sideways`, async () => {
      const page = await open({ size, theme });
      await visit(page, '/docs');
      await page.locator('#start_run summary').first().click();
      await settled(page);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.equal(wide, 0);
      assert.deepEqual([...(await accessibility(page)), ...page.problems], []);
      if (process.env.FLOWGATE_PICTURES) {
        await page.screenshot({ path: `${process.env.FLOWGATE_PICTURES}/docs-${theme}-${size.width}.png` });
      }
      await page.close();
    });
  }
}
