// Runs of every state: what the tests of runs, deliveries and approvals look at.
import { readFileSync } from 'node:fs';
import { publish, settledRun } from './seed.mjs';

const DOCUMENTS = new URL('../documents/', import.meta.url);
const EXAMPLES = new URL('../../../examples/', import.meta.url);

/** One paragraph is one turn of the offline model. */
const TOOLS = '/price {"item": "tea", "amount": 2}\n/price {"item": "cake", "amount": 3}\n\n/discount {"percent": 10}';

const read = (folder, name) => readFileSync(new URL(`${name}.yaml`, folder), 'utf8');

/** Starts a run and waits until it has ended, or waits for a person. `key` is that of its caller. */
export async function startAndSettle(server, id, body, headers = {}) {
  const begun = await start(server, id, body, headers);
  return settledRun(server, begun.id);
}

export const start = (server, id, body, headers = {}) =>
  server.request('POST', `/v1/workflows/${id}/runs`, body, { prefer: 'respond-async', ...headers });

/** Returns `{ failed, more, succeeded, question, child, tools, key, reader }`: ids of runs, and keys. */
export async function seedRuns(server, desk) {
  const { request } = server;
  for (const id of ['order-desk', 'long-story'])
    await publish(server, id, read(DOCUMENTS, id).replaceAll('{{DESK}}', desk.url));
  for (const id of ['review', 'minutes', 'followup', 'assistant', 'fallback', 'greeting'])
    await publish(server, id, read(EXAMPLES, id));
  const scopes = ['run', 'read', 'trace', 'cancel'];
  const { key } = await request('POST', '/v1/keys', { name: 'website', workflows: '*', scopes });
  const reader = (await request('POST', '/v1/keys', { name: 'reader', workflows: '*', scopes: ['read'] })).key;
  const ask = (number, more = {}) => {
    const input = { ticket_id: `T-${number}`, question: `Where is my order ${number}?` };
    return startAndSettle(server, 'order-desk', { input, user: `user_${number % 4}`, ...more }, { key });
  };
  const succeeded = await ask(301);
  await ask(302, { webhooks: [{ url: `${desk.url}/hooks/gone` }] });
  desk.maintenance(true);
  const failed = await ask(303);
  const more = await Promise.all([304, 305, 306, 307, 308].map((number) => ask(number)));
  desk.maintenance(false);
  const example = (id, input = {}) => startAndSettle(server, id, { input }, { key });
  const question = await example('review', { topics: ['spring sale', 'opening hours'] });
  const child = await example('followup', { team: 'Sales' });
  const tools = await example('assistant', { question: TOOLS });
  await example('fallback');
  const greeting = await example('greeting', { name: 'Ada', n: 3 });
  return {
    failed: failed.id,
    more: more.map(({ id }) => id),
    succeeded: succeeded.id,
    question: question.id,
    child: child.id,
    tools: tools.id,
    greeting: greeting.status,
    key,
    reader,
  };
}
