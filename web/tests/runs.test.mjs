// Runs, deliveries and approvals: what failed is found, seen, run again, watched, cancelled, exported, answered.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { launch, openPage, PHONE, settled, visit } from './harness/browser.mjs';
import { startOrderDesk } from './harness/orderdesk.mjs';
import { seedRuns, start, startAndSettle } from './harness/runs.mjs';
import { settledRun } from './harness/seed.mjs';
import { startServer } from './harness/server.mjs';

const desk = await startOrderDesk();
const server = await startServer();
const browser = await launch();
after(async () => {
  await browser.close();
  await server.close();
  desk.close();
});
const ids = await seedRuns(server, desk);
const { request } = server;
// What the tests cut off, and an input that does not fit.
const EXPECTED = [/ERR_INTERNET_DISCONNECTED/, /status of 400 .*\/replay$/, /status of 418/];
const page = await openPage(browser, server.console, { key: server.key, ignore: EXPECTED });

const button = (name) => page.getByRole('button', { name });
const dialog = (name) => page.getByRole('dialog', { name });
const region = (name) => page.getByRole('region', { name, exact: true });
const rows = () => page.getByRole('table', { name: 'Runs' }).locator('tbody tr[data-row]');
const parameters = () => new URL(page.url()).searchParams;
const idInUrl = () => new URL(page.url()).pathname.split('/').pop();

/** How the run of the page stands, as its head says. */
const stands = (word, options = {}) =>
  page.locator('main header').getByText(word, { exact: true }).first().waitFor(options);

async function until(holds, what) {
  for (let tries = 0; tries < 150; tries++) {
    if (await holds()) return;
    await page.waitForTimeout(100);
  }
  assert.fail(what);
}

/** Waits for the page of another run, and returns its id. */
async function anotherRun(id) {
  await page.waitForURL((url) => /\/runs\/run_/.test(url.pathname) && !url.pathname.endsWith(id));
  return idInUrl();
}

async function saved(act) {
  const [download] = await Promise.all([page.waitForEvent('download'), act()]);
  const lines = readFileSync(await download.path(), 'utf8')
    .trimEnd()
    .split('\n');
  return { name: download.suggestedFilename(), runs: lines.map((line) => JSON.parse(line)) };
}

test('the failed run is found by filters', async () => {
  await visit(page, '/runs');
  await button('Status').click();
  await button('Failed').click();
  await button('Workflow').click();
  await button('Order desk').click();
  await button('Node or code').click();
  await page.getByRole('textbox', { name: 'Failed at the node' }).fill('reply');
  await button('Apply').click();
  await until(async () => (await rows().count()) === 6, 'six runs failed');
  assert.deepEqual(Object.fromEntries(parameters()), { status: 'failed', workflow: 'order-desk', node: 'reply' });
  await button('Slower than').click();
  await page.getByRole('textbox', { name: 'Slower than' }).fill('10 min');
  await button('Apply').click();
  await page.getByRole('heading', { name: 'No run matches' }).waitFor();
  await page.getByText('Status Failed, workflow Order desk, node reply, slower than 10 min.').waitFor();
  await page.getByText('There are 6 runs without “slower than 10 min”.').waitFor();
  await button('Drop “slower than 10 min”').click();
  await until(async () => (await rows().count()) === 6, 'the six runs are back');
});

test('the failed run is found by its text', async () => {
  await visit(page, '/runs');
  await page.keyboard.press('/');
  await page.keyboard.type('ORDER 303');
  await until(async () => (await rows().count()) === 1, 'one run is found');
  assert.equal(await rows().first().getAttribute('data-row'), ids.failed);
  await rows().first().getByRole('link').click();
  await page.waitForURL(`**/runs/${ids.failed}`);
});

test('its failed node is red in the timeline and in the graph', async () => {
  await visit(page, `/runs/${ids.failed}`);
  await page.getByRole('alert').getByText('reply failed').waitFor();
  const row = page.getByRole('table', { name: 'Timeline' }).getByRole('row', { name: /reply/ });
  await row.getByRole('img', { name: 'failed' }).waitFor();
  await row.getByText('503 three times').last().waitFor();
  const pieces = await row.locator('i[class*="_failed_"]').count();
  assert.equal(pieces, 3, 'each attempt has its piece');
  await page.getByRole('tab', { name: 'Graph' }).click();
  const node = page.locator('.react-flow__node[data-id="reply"]');
  await node.waitFor();
  const [ring, bad] = await node.evaluate((element) => [
    getComputedStyle(element.firstElementChild).borderTopColor,
    getComputedStyle(document.documentElement).getPropertyValue('--bad').trim(),
  ]);
  assert.equal(ring, rgb(bad), 'its ring is red');
  await page.getByRole('treeitem', { name: /reply.*failed/i }).waitFor({ state: 'attached' });
  assert.equal(parameters().get('tab'), 'graph');
});

const rgb = (hex) => `rgb(${[1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join(', ')})`;

test('a link leads to a node, its tab and its attempt', async () => {
  await visit(page, `/runs/${ids.failed}?node=${encodeURIComponent('research[0]/search')}&panel=configuration`);
  await region('Node research[0]/search')
    .getByText(/Lines \d+ to \d+ of version/)
    .waitFor();
  await page.reload();
  await region('Node research[0]/search').getByText('type: http').waitFor();
  await visit(page, `/runs/${ids.failed}?node=reply&attempt=2`);
  await region('Node reply').locator('button[aria-pressed="true"]', { hasText: '2' }).waitFor();
});

test('the rows of an agent are its turns and tools, and of a child workflow its nodes', async () => {
  await visit(page, `/runs/${ids.tools}`);
  const timeline = page.getByRole('table', { name: 'Timeline' });
  for (const name of ['turn 1', 'price', 'discount', 'turn 3'])
    await timeline.getByRole('button', { name, exact: true }).first().waitFor();
  await visit(page, `/runs/${ids.child}`);
  await timeline.getByRole('button', { name: 'lines', exact: true }).waitFor();
});

test('a rerun goes on from the failed node with an edited input', async () => {
  await visit(page, `/runs/${ids.failed}`);
  await button('Edit its input first').click();
  const text = page.getByRole('textbox', { name: 'Input, as JSON' });
  await text.fill('{');
  await dialog('Edit the input first').getByText(/JSON/).first().waitFor();
  await text.fill(JSON.stringify({ ticket_id: 5, question: 'x' }));
  await button('Rerun with this input').click();
  await dialog('Edit the input first').getByText('/input/ticket_id').waitFor();
  await text.fill(JSON.stringify({ ticket_id: 'T-303', question: 'Where is my order 303?', tone: 'brief' }));
  await button('Rerun with this input').click();
  const rerun = await settledRun(server, await anotherRun(ids.failed));
  assert.equal(rerun.status, 'succeeded');
  assert.equal(rerun.origin, ids.failed);
  assert.equal(rerun.input.tone, 'brief');
  const { nodes } = await request('GET', `/v1/runs/${rerun.id}/trace`);
  assert.ok(nodes.find(({ node }) => node === 'triage').reused, 'what succeeded is taken over');
  await stands('Succeeded');
});

test('two runs are compared', async () => {
  await visit(page, `/runs/${ids.failed}`);
  await button('Compare').click();
  await page.getByRole('textbox', { name: 'Id of a run' }).fill(ids.succeeded);
  await page.locator('form').getByRole('button', { name: 'Compare' }).click();
  const table = page.getByRole('table', { name: 'Two runs, node by node' });
  const row = table.getByRole('row', { name: /^reply/ });
  await row.getByText('Failed').waitFor();
  await row.getByText('Succeeded').waitFor();
  assert.equal(parameters().get('with'), ids.succeeded);
});

test('a run is watched live, word by word, and cancelled', async () => {
  const { id } = await start(server, 'long-story', { input: {} });
  await visit(page, `/runs/${id}?node=draft`);
  const text = region('Node draft').getByText(/Once upon/);
  await text.waitFor();
  const before = (await text.textContent()).length;
  await until(async () => (await text.textContent()).length > before, 'the text grows');
  await stands('Running');
  await button('Cancel').click();
  await dialog('Cancel this run?').getByRole('button', { name: 'Cancel the run' }).click();
  await stands('Cancelled');
  assert.equal((await settledRun(server, id)).status, 'cancelled');
});

test('a stream that is cut goes on after its last event', async () => {
  const { id } = await start(server, 'long-story', { input: {} });
  let asked = 0;
  const resumed = [];
  await page.route(/\/events$/, async (route) => {
    asked += 1;
    resumed.push(route.request().headers()['last-event-id']);
    if (asked > 1) return route.continue();
    const body = await firstFrames(id, 6);
    return route.fulfill({ status: 200, contentType: 'text/event-stream', body });
  });
  await visit(page, `/runs/${id}`);
  await until(() => asked > 1, 'it asks again');
  await page.unroute(/\/events$/);
  assert.ok(resumed[1], 'with the id of the last event');
  await request('POST', `/v1/runs/${id}/cancel`);
  await stands('Cancelled');
  const all = await frames(id, Number.POSITIVE_INFINITY);
  await region('Events').getByText(String(all.length), { exact: true }).waitFor();
});

/** The frames of a run's events, until there are `count`. */
async function frames(id, count) {
  const stop = new AbortController();
  const response = await fetch(`${server.api}/v1/runs/${id}/events`, {
    headers: { authorization: `Bearer ${server.key}`, accept: 'text/event-stream' },
    signal: stop.signal,
  });
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split('\n\n').length > count) break;
  }
  stop.abort();
  return text
    .split('\n\n')
    .filter((frame) => frame.includes('data:'))
    .slice(0, count);
}
const firstFrames = async (id, count) => `${(await frames(id, count)).join('\n\n')}\n\n`;

test('without a connection the page keeps what it has, and goes on by itself', async () => {
  const { id } = await start(server, 'long-story', { input: {} });
  await visit(page, `/runs/${id}`);
  await region('Events').getByText('node.started').first().waitFor();
  await page.context().setOffline(true);
  await page.waitForTimeout(2_500);
  await page.getByRole('table', { name: 'Timeline' }).getByRole('button', { name: 'draft' }).waitFor();
  await page.context().setOffline(false);
  await request('POST', `/v1/runs/${id}/cancel`);
  await stands('Cancelled', { timeout: 40_000 });
});

test('many runs are replayed from their failed node: one first, then all, with progress', async () => {
  await visit(page, '/runs?status=failed&workflow=order-desk');
  await page.getByRole('checkbox', { name: 'Choose all loaded runs' }).check();
  await region('Chosen runs').getByText('6 selected').waitFor();
  await region('Chosen runs').getByText('failed at reply: http_status').waitFor();
  await region('Chosen runs').getByRole('button', { name: 'Replay' }).click();
  const replay = dialog('Replay 6 runs');
  await replay.getByText(/keeps what was paid for/).waitFor();
  await replay.getByRole('button', { name: 'Try one first' }).click();
  await replay.getByText('Succeeded').waitFor();
  await replay.getByRole('button', { name: 'Replay the others' }).click();
  await region('Job').getByText('Replayed 5 of 5 runs').waitFor({ timeout: 30_000 });
  assert.ok(parameters().get('job'), 'the job is in the address');
  await page.reload();
  await region('Job').getByText('Replayed 5 of 5 runs').waitFor();
  const { items } = await request('GET', '/v1/runs?workflow=order-desk&limit=20');
  const origins = new Set(items.map(({ origin }) => origin));
  for (const id of [ids.failed, ...ids.more]) assert.ok(origins.has(id), `${id} is replayed`);
  await region('Job').getByRole('button', { name: 'Close' }).click();
  assert.equal(parameters().get('job'), null);
});

test('runs that go on are cancelled together', async () => {
  const going = await Promise.all([1, 2, 3].map(() => start(server, 'long-story', { input: {} })));
  await visit(page, '/runs?workflow=long-story');
  for (const { id } of going) await page.getByRole('checkbox', { name: `Choose ${id}` }).check();
  await region('Chosen runs').getByRole('button', { name: 'Cancel' }).click();
  await dialog('Cancel 3 runs?').getByRole('button', { name: 'Cancel runs' }).click();
  await region('Job').getByText('Cancelled 3 of 3 runs').waitFor({ timeout: 20_000 });
  for (const { id } of going) assert.equal((await settledRun(server, id)).status, 'cancelled');
});

test('more runs than are loaded are chosen by what they match', async () => {
  const many = Array.from({ length: 110 }, () => start(server, 'minutes', { input: { notes: 'TODO call Bo' } }));
  const begun = await Promise.all(many);
  await Promise.all(begun.map(({ id }) => settledRun(server, id)));
  await visit(page, '/runs?workflow=minutes&status=succeeded');
  await rows().first().waitFor();
  await page.getByRole('checkbox', { name: 'Choose all loaded runs' }).check();
  await region('Chosen runs').getByRole('button', { name: 'Choose all that match' }).click();
  const { name, runs } = await saved(() => region('Chosen runs').getByRole('button', { name: 'Export JSONL' }).click());
  assert.match(name, /^runs-.*\.jsonl$/);
  assert.equal(runs.length, 110);
  assert.deepEqual(runs[0].output, { todo: ['call Bo'] });
  await region('Chosen runs').getByRole('button', { name: 'Replay' }).click();
  await dialog('Replay all that match')
    .getByRole('radio', { name: /From the start/ })
    .check();
  await dialog('Replay all that match').getByRole('button', { name: 'Replay all that match' }).click();
  await region('Job')
    .getByText(/Replayed 110 of 110 runs/)
    .waitFor({ timeout: 60_000 });
});

test('a page that cannot be read is asked for again only by hand', async () => {
  await visit(page, '/runs?workflow=minutes');
  await rows().first().waitFor();
  let asked = 0;
  await page.route(/\/v1\/runs\?.*cursor=/, (route) => {
    asked += 1;
    return route.fulfill({ status: 418, json: { detail: 'not now' } });
  });
  await page.locator('#main').evaluate((main) => main.scrollTo(0, main.scrollHeight));
  await page.getByText('Loading runs failed').waitFor();
  await page.waitForTimeout(1_000);
  assert.equal(asked, 1);
  await page.unroute(/\/v1\/runs\?.*cursor=/);
});

test('other filters choose anew: no run out of sight is cancelled or replayed', async () => {
  await visit(page, '/runs?workflow=order-desk&status=failed');
  await page.getByRole('checkbox', { name: 'Choose all loaded runs' }).check();
  await region('Chosen runs').waitFor();
  await button('Remove the filter Status').click();
  await region('Chosen runs').waitFor({ state: 'detached' });
});

test('chosen runs are exported with their values', async () => {
  await visit(page, '/runs?q=order%20303&status=failed');
  await page.getByRole('checkbox', { name: `Choose ${ids.failed}` }).check();
  const { runs } = await saved(() => region('Chosen runs').getByRole('button', { name: 'Export JSONL' }).click());
  assert.equal(runs[0].id, ids.failed);
  assert.equal(runs[0].input.ticket_id, 'T-303');
});

test('new runs wait above the list until they are asked for', async () => {
  await visit(page, '/runs?live=1');
  await rows().first().waitFor();
  const { id } = await startAndSettle(server, 'greeting', { input: { name: 'Bo', n: 1 } });
  await button('1 new run').click();
  await page.locator(`tr[data-row="${id}"]`).waitFor();
});

test('a workflow has its own list', async () => {
  await visit(page, '/workflows/order-desk/runs?status=failed');
  await until(async () => (await rows().count()) === 6, 'its failed runs');
  assert.equal(await button('Workflow').count(), 0);
  await rows().first().getByRole('link').click();
  await page.waitForURL(/\/runs\/run_/);
});

test('what a receiver refused is seen and sent again', async () => {
  await visit(page, '/deliveries?status=exhausted');
  const row = page.getByRole('table', { name: 'Deliveries' }).getByRole('row', { name: /hooks\/gone/ });
  await row.getByRole('button', { name: /attempts of/ }).click();
  await page
    .getByRole('table', { name: /Attempts of/ })
    .getByText('410')
    .waitFor();
  const before = desk.hooks.filter(({ path }) => path === '/hooks/gone').length;
  await row.getByRole('button', { name: 'Redeliver' }).click();
  await until(() => desk.hooks.filter(({ path }) => path === '/hooks/gone').length > before, 'it arrives again');
});

test('what was given up since a time is sent again', async () => {
  await visit(page, '/deliveries');
  await button('Send again what was given up').click();
  await dialog('Send again').getByRole('combobox', { name: 'Workflow' }).selectOption('order-desk');
  await dialog('Send again').getByRole('button', { name: 'Send again' }).click();
  await dialog('Send again')
    .getByText(/\d+ sent again/)
    .waitFor();
  await dialog('Send again').getByRole('button', { name: 'Close' }).last().click();
});

test('an approval is answered with an edited value', async () => {
  await visit(page, '/approvals');
  const question = page.getByRole('listitem').filter({ hasText: 'spring sale' });
  await question.getByRole('textbox', { name: 'text' }).fill('Our spring sale begins on Monday.');
  // What is typed stays while the list cannot be read again.
  await page.route('**/v1/questions*', (route) => route.fulfill({ status: 418, json: { detail: 'not now' } }));
  await page.getByText(/could not be read again/).waitFor();
  await page.unroute('**/v1/questions*');
  await question.getByRole('button', { name: 'Approve' }).click();
  const next = page.getByRole('listitem').filter({ hasText: 'opening hours' });
  await next.getByRole('textbox', { name: 'text' }).waitFor({ timeout: 20_000 });
  await visit(page, `/runs/${ids.question}`);
  await page.getByRole('region', { name: 'Question of each[1]/check' }).getByRole('button', { name: 'Reject' }).click();
  await stands('Succeeded', { timeout: 20_000 });
  const { output } = await request('GET', `/v1/runs/${ids.question}`);
  assert.deepEqual(output, { posts: ['Our spring sale begins on Monday.'] });
});

test('a key that may only read sees why it cannot do more', async () => {
  const reader = await openPage(browser, server.console, { key: ids.reader });
  await visit(reader, '/runs?status=failed');
  await reader.getByRole('checkbox', { name: `Choose ${ids.failed}` }).check();
  const replay = reader.getByRole('region', { name: 'Chosen runs' }).getByRole('button', { name: 'Replay' });
  assert.equal(await replay.getAttribute('aria-disabled'), 'true');
  assert.match(await replay.getAttribute('title'), /run/);
  await visit(reader, `/runs/${ids.failed}`);
  await reader.getByText(/cannot be read/).waitFor();
  await visit(reader, '/approvals');
  await visit(reader, '/deliveries');
  assert.deepEqual(reader.problems, []);
  await reader.close();
});

test('on a phone the timeline is still a table, and the node a sheet', async () => {
  const phone = await openPage(browser, server.console, { key: server.key, size: PHONE });
  await visit(phone, `/runs/${ids.failed}`);
  const timeline = phone.getByRole('table', { name: 'Timeline' });
  await timeline.getByRole('row', { name: /research ×3/ }).waitFor();
  await phone.getByRole('button', { name: 'Data' }).click();
  await phone.getByRole('dialog').getByText('maintenance').waitFor();
  await settled(phone);
  assert.deepEqual(phone.problems, []);
  await phone.close();
});

test('nothing went wrong in the page', () => assert.deepEqual(page.problems, []));
