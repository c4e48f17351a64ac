// Builds a workflow from nothing to a published endpoint: once by mouse alone, once by keyboard alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessibility, visit } from './harness/browser.mjs';
import { startStage } from './harness/stage.mjs';

const stage = await startStage({ seeded: false });
const { request } = stage.server;

/** A page at the list of workflows. Whether an id is free is asked before it is taken. */
async function openBuilder() {
  const page = await stage.open({ ignore: [/status of 404 .*\/v1\/workflows\/[\w-]+$/] });
  await visit(page, '/workflows');
  return page;
}

/** Waits until the server has a draft that fits, and returns it. */
async function saved(id, fits) {
  let last = {};
  for (let tries = 0; tries < 100; tries++) {
    last = await request('GET', `/v1/workflows/${id}`).catch(() => ({ document: '', problems: [] }));
    if (fits(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`the draft is not what it should be:\n${last.document}\n${JSON.stringify(last.problems)}`);
}

/** What a caller gets. */
async function answerOf(id, input) {
  const run = await request('POST', `/v1/workflows/${id}/runs`, { input });
  return run.output;
}

const TWO_NODES = `name: Two
nodes:
  - { id: first, type: template, template: one }
  - { id: second, type: template, template: two }
`;

const isFaultless = ({ problems }) => problems.length === 0;

test('a workflow of three nodes, by mouse alone', async () => {
  const page = await openBuilder();
  const { mouse } = page;
  const click = async (target) => {
    await target.scrollIntoViewIfNeeded();
    const box = await target.boundingBox();
    await mouse.click(box.x + box.width / 2, box.y + Math.min(box.height / 2, 20));
  };
  const button = (name) => page.getByRole('button', { name }).first();
  const box = (name) => page.getByRole('textbox', { name, exact: true });
  const reference = (name) => page.getByRole('combobox', { name, exact: false });
  const node = (id) => page.locator(`.react-flow__node[data-id="${id}"]`);
  /** Clicks into a field and types over what is in it. */
  const type = async (field, text) => {
    await click(field);
    await mouse.click(...(await middle(field)), { clickCount: 3 });
    await page.keyboard.type(text);
  };
  const middle = async (field) => {
    const { x, y, height, width } = await field.boundingBox();
    return [x + width / 2, y + Math.min(height / 2, 18)];
  };
  const add = async (kind) => {
    await click(button(/Add node/));
    await click(page.getByRole('option', { name: new RegExp(`^${kind}\\b`) }));
  };
  const offered = (path) => page.getByRole('listbox', { name: 'References' }).getByText(path, { exact: true });

  await click(button(/New workflow/));
  await page.keyboard.type('Mouse built');
  await click(button('Create draft'));
  await page.waitForURL(/\/workflows\/mouse-built/);

  await click(node('api'));
  await type(box('Name'), 'who');
  await click(node('answer'));
  await click(button('Actions of answer'));
  await click(button('Delete'));
  await node('answer').waitFor({ state: 'detached' });

  await add('agent');
  await node('draft').waitFor();
  await type(reference('Model'), 'offline/echo');
  await type(reference('Prompt'), 'Hello <');
  await click(offered('api.who'));

  await add('condition');
  await node('long').waitFor();
  await click(page.getByText('yes', { exact: true }).last());
  await type(reference('If'), '<');
  await click(offered('draft.turns'));
  await page.keyboard.type(' > 0');

  await add('template');
  await node('greeting').waitFor();
  await type(reference('Template'), 'It said: <');
  await click(offered('draft.content'));

  // The branch "yes" is dragged to the node that follows it, and the line is there.
  const port = await node('long').locator('[data-handleid="yes"]').boundingBox();
  const target = await node('greeting').boundingBox();
  await mouse.move(port.x + port.width / 2, port.y + port.height / 2);
  await mouse.down();
  await mouse.move(target.x + 60, target.y + 10, { steps: 5 });
  await mouse.move(target.x + 80, target.y + 20, { steps: 5 });
  await mouse.up();
  await saved('mouse-built', ({ outline }) =>
    outline.edges.some(({ from, to, branch }) => from === 'long' && to === 'greeting' && branch === 'yes'),
  );

  await click(node('output'));
  await type(reference('Value'), '<');
  await click(offered('greeting.content'));
  await saved('mouse-built', isFaultless);

  await click(button(/^Publish/));
  const review = page.getByRole('dialog', { name: 'Publish' });
  await click(review.getByRole('textbox', { name: 'Notes' }));
  await page.keyboard.type('Made by mouse.');
  await click(review.getByRole('button', { name: 'Publish 1.0.0' }));
  await review.getByText('1.0.0 is what callers get').waitFor();
  assert.deepEqual(await answerOf('mouse-built', { who: 'Ada' }), { answer: 'It said: Hello Ada' });
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('the same by keyboard alone', async () => {
  const page = await openBuilder();
  const { keyboard } = page;
  /** Presses Tab until the focus is on what is wanted. */
  const tabTo = async (target, key = 'Tab') => {
    for (let tabs = 0; tabs < 60; tabs++) {
      if (await target.evaluate((element) => element === document.activeElement).catch(() => false)) return;
      await keyboard.press(key);
    }
    assert.fail(`${target} cannot be reached with ${key}`);
  };
  const field = (name) => page.getByRole('combobox', { name }).first();
  const button = (name) => page.getByRole('button', { name }).first();
  const item = (id) => page.getByRole('treeitem', { name: new RegExp(`^${id}\\b`) });
  const retype = async (text) => {
    await keyboard.press('Control+a');
    await keyboard.type(text);
  };
  const refer = async (path) => {
    const offered = page.getByRole('listbox', { name: 'References' }).getByRole('option', { selected: true });
    await offered.getByText(path, { exact: true }).waitFor();
    await keyboard.press('Enter');
  };
  const graph = async (id) => tabTo(item(id), 'Shift+Tab');
  const add = async (kind, id) => {
    await keyboard.press('a');
    await keyboard.type(kind);
    await keyboard.press('Enter');
    await item(id).waitFor();
    await tabTo(item(id));
    await keyboard.press('Enter');
  };

  await tabTo(button(/New workflow/));
  await keyboard.press('Enter');
  await keyboard.type('Key built');
  await keyboard.press('Enter');
  await page.waitForURL(/\/workflows\/key-built/);

  await tabTo(item('Input'));
  await keyboard.press('ArrowDown');
  await keyboard.press('ArrowDown');
  await keyboard.press('Delete');
  await item('answer').waitFor({ state: 'detached' });
  await tabTo(item('Input'));
  await keyboard.press('Home');
  await keyboard.press('Enter');
  await tabTo(page.getByRole('textbox', { name: 'Name', exact: true }));
  await retype('who');
  await saved('key-built', ({ outline }) => outline.inputs[0]?.name === 'who');

  await graph('Input');
  await add('agent', 'draft');
  await tabTo(field('Model'));
  await retype('offline');
  await keyboard.press('ArrowDown');
  await keyboard.press('ArrowUp');
  await keyboard.press('Enter');
  await tabTo(field('Prompt'));
  await retype('Hello <api.w');
  await refer('api.who');

  await graph('draft');
  await add('condition', 'long');
  await tabTo(page.locator('summary').filter({ hasText: 'yes' }));
  await keyboard.press('Enter');
  await tabTo(field('If'));
  await retype('<draft.tu');
  await refer('draft.turns');
  await keyboard.type(' > 0');

  await graph('long');
  await add('template', 'greeting');
  await tabTo(field('Template'));
  await retype('It said: <draft.con');
  await refer('draft.content');

  await graph('greeting');
  await keyboard.press('End');
  await keyboard.press('Enter');
  await tabTo(field('Value'));
  await retype('<gre');
  await refer('greeting.content');
  await keyboard.press('Control+s');
  await saved('key-built', isFaultless);

  await tabTo(button(/^Publish/), 'Shift+Tab');
  await keyboard.press('Enter');
  const review = page.getByRole('dialog', { name: 'Publish' });
  await review.getByText('No errors').waitFor();
  await tabTo(review.getByRole('textbox', { name: 'Notes' }));
  await keyboard.type('Made by keyboard.');
  await tabTo(review.getByRole('button', { name: 'Publish 1.0.0' }));
  await keyboard.press('Enter');
  await review.getByText('1.0.0 is what callers get').waitFor();
  assert.deepEqual(await answerOf('key-built', { who: 'Ada' }), { answer: 'It said: Hello Ada' });
  assert.deepEqual(await accessibility(page), []);
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('a node that is dragged onto a field is referred to there', async () => {
  await request('PUT', '/v1/workflows/dropped', TWO_NODES);
  const page = await stage.open();
  await visit(page, '/workflows/dropped?node=second');
  const template = page.getByRole('combobox', { name: /^Template/ });
  await template.fill('It said: ');
  const node = page.locator('.react-flow__node[data-id="first"]');
  await dragNode(page, node, template);
  await saved('dropped', ({ document }) => document.includes('It said: <first.content>'));
  assert.equal(await template.inputValue(), 'It said: <first.content>');
  assert.ok(await template.evaluate((field) => field === document.activeElement));

  // A heading takes nothing.
  await page.locator('.react-flow__node[data-id="first"]').click();
  await dragNode(page, page.locator('.react-flow__node[data-id="second"]'), page.getByRole('heading').last());
  assert.equal(await page.getByRole('combobox', { name: /^Template/ }).inputValue(), 'one');
  assert.deepEqual(page.problems, []);
  await page.close();
});

/** Drags a line from a node's port to the middle of something beside the graph. */
async function dragNode(page, node, target) {
  const port = await node.locator('.react-flow__handle.source').boundingBox();
  const place = await target.boundingBox();
  await page.mouse.move(port.x + port.width / 2, port.y + port.height / 2);
  await page.mouse.down();
  await page.mouse.move(place.x - 200, place.y + 10, { steps: 5 });
  await page.mouse.move(place.x + place.width / 2, place.y + place.height / 2, { steps: 5 });
  await page.mouse.up();
}

test('without a connection edits stay in the tab, and are saved when it is back', async () => {
  await request('PUT', '/v1/workflows/offline', TWO_NODES);
  const page = await stage.open({ ignore: [/ERR_INTERNET_DISCONNECTED/] });
  await visit(page, '/workflows/offline?node=first');
  const template = page.getByRole('combobox', { name: /^Template/ });
  await template.waitFor();
  await page.context().setOffline(true);
  await template.fill('written without a server');
  await page.getByText('Offline: edits are kept in this tab').waitFor();
  await page.context().setOffline(false);
  await saved('offline', ({ document }) => document.includes('written without a server'));
  await page.getByText(/^Draft saved/).waitFor();
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('what one key could not save is saved with the next', async () => {
  await request('PUT', '/v1/workflows/lapsed', TWO_NODES);
  const short = await request('POST', '/v1/keys', { name: 'short', workflows: '*', scopes: ['author', 'read'] });
  const page = await stage.open({ key: short.key, ignore: [/status of 401/] });
  await visit(page, '/workflows/lapsed?node=first');
  const template = page.getByRole('combobox', { name: /^Template/ });
  await template.waitFor();
  await request('DELETE', `/v1/keys/${short.id}`);
  await template.fill('written with an ended key');
  const again = page.getByRole('dialog', { name: 'This key no longer works' });
  await again.getByLabel('Key', { exact: true }).fill(stage.server.key);
  await again.getByRole('button', { name: 'Sign in', exact: true }).click();
  await saved('lapsed', ({ document }) => document.includes('written with an ended key'));
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('a text that cannot be read locks the forms, and the graph stays', async () => {
  await request('PUT', '/v1/workflows/unreadable', TWO_NODES);
  const page = await stage.open({ ignore: [/status of 422/] });
  await visit(page, '/workflows/unreadable?node=first&panel=document');
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('a: b: c');
  await page.getByText('Not saved: the text cannot be read').waitFor();
  await page.getByText(/This is the last graph of it/).waitFor();
  assert.ok(await page.getByRole('button', { name: /Add node/ }).isDisabled());
  await page.getByRole('tab', { name: /^Node/ }).click();
  assert.ok(await page.getByRole('combobox', { name: /^Template/ }).isDisabled());
  await page.locator('.react-flow__node[data-id="second"]').waitFor();
  await page.keyboard.press('Control+z');
  await page.getByText(/^Draft saved/).waitFor();
  assert.ok(await page.getByRole('combobox', { name: /^Template/ }).isEnabled());
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('what two people change in different nodes is merged', async () => {
  await request('PUT', '/v1/workflows/merged', TWO_NODES);
  const page = await stage.open({ ignore: [/status of 412/] });
  await visit(page, '/workflows/merged?node=first');
  const template = page.getByRole('combobox', { name: /^Template/ });
  await template.waitFor();
  await request('PUT', '/v1/workflows/merged', TWO_NODES.replace('template: two', 'template: theirs'));
  await template.fill('mine');
  await saved('merged', ({ document }) => document.includes('mine') && document.includes('theirs'));
  await page.close();
});

test('what two people change in one node is asked about, and both sides are shown', async () => {
  await request('PUT', '/v1/workflows/disputed', TWO_NODES);
  const page = await stage.open({ ignore: [/status of 412/] });
  await visit(page, '/workflows/disputed?node=first');
  const template = page.getByRole('combobox', { name: /^Template/ });
  await template.waitFor();
  await request('PUT', '/v1/workflows/disputed', TWO_NODES.replace('template: one', 'template: theirs'));
  await template.fill('mine');
  const dialog = page.getByRole('dialog', { name: 'Somebody else changed the same parts' });
  await dialog.getByRole('figure', { name: 'Theirs' }).getByText('template: theirs').waitFor();
  await dialog.getByRole('figure', { name: 'Yours' }).getByText('template: mine').waitFor();
  await dialog.getByText(/^Saved (now|\d+ s ago) by the operator/).waitFor();
  await dialog.getByRole('button', { name: 'Copy your text' }).click();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /template: mine/);
  assert.deepEqual(await accessibility(page), []);
  const merge = dialog.getByRole('button', { name: 'Merge and save' });
  assert.equal(await merge.getAttribute('aria-disabled'), 'true');
  await dialog.getByText('Yours', { exact: true }).first().click();
  await merge.click();
  await dialog.waitFor({ state: 'detached' });
  await saved('disputed', ({ document }) => document.includes('mine') && !document.includes('theirs'));
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('what a problem suggests is taken with one click, or with a key', async () => {
  const wrong = TWO_NODES.replace('template: one', 'tempalte: one').replace('template: two', 'tempalte: two');
  await request('PUT', '/v1/workflows/typo', wrong);
  const page = await stage.open();
  await visit(page, '/workflows/typo?panel=problems');
  await page
    .getByRole('button', { name: /Use template/ })
    .first()
    .click();
  await saved('typo', ({ document }) => document.includes('template: one'));
  await page.keyboard.press('Control+.');
  await saved('typo', ({ document, problems }) => document.includes('template: two') && problems.length === 0);
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('publishing compares with any version, as text and as a graph', async () => {
  await request('PUT', '/v1/workflows/compared', TWO_NODES);
  await request('POST', '/v1/workflows/compared/versions', {});
  await request('PUT', '/v1/workflows/compared', TWO_NODES.replace('template: two', 'template: 2nd'));
  await request('POST', '/v1/workflows/compared/versions', {});
  await request('PUT', '/v1/workflows/compared', TWO_NODES.replace('template: one', 'template: 1st'));
  const page = await stage.open();
  await visit(page, '/workflows/compared');
  await page.getByRole('button', { name: /^Publish 2 changes/ }).click();
  const review = page.getByRole('dialog', { name: 'Publish' });
  await review.getByRole('button', { name: /^second/ }).waitFor();
  await review.getByRole('combobox', { name: 'Compare with' }).selectOption('1.0.0');
  await review.getByRole('button', { name: /^second/ }).waitFor({ state: 'detached' });
  await review.getByText('template: 1st').first().waitFor();
  await review.getByText('Graph', { exact: true }).click();
  await review.locator('.react-flow__node[data-id="first"]').getByText('changed').waitFor();
  assert.deepEqual(await accessibility(page), []);
  // Pressed twice, it is published once.
  for (let presses = 0; presses < 2; presses++) await page.keyboard.press('Control+Enter');
  await review.getByText('1.0.2 is what callers get').waitFor();
  await page.keyboard.press('Control+Enter');
  await page.waitForTimeout(500);
  const { items } = await request('GET', '/v1/workflows/compared/versions');
  assert.deepEqual(items.map(({ version }) => version).slice(0, 2), ['1.0.2', '1.0.1']);
  assert.deepEqual(page.problems, []);
  await page.close();
});
