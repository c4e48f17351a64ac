// Workflows, versions, keys, secrets and runs that look like a small company's, made by real calls.
import { readFileSync } from 'node:fs';
import { HALF_DAYS, seedHistory } from './history.mjs';

const DOCUMENTS = new URL('../documents/', import.meta.url);
const EXAMPLES = new URL('../../../examples/', import.meta.url);

/** The text of a seeded document, whose calls go to the help desk. */
export const documentOf = (name, helpdesk) =>
  readFileSync(new URL(`${name}.yaml`, DOCUMENTS), 'utf8').replaceAll('{{HELPDESK}}', helpdesk.url);

const exampleOf = (name) => readFileSync(new URL(`${name}.yaml`, EXAMPLES), 'utf8');

export async function publish({ request }, id, document, notes) {
  await request('PUT', `/v1/workflows/${id}`, document);
  return request('POST', `/v1/workflows/${id}/versions`, notes ? { notes } : {});
}

/** Starts a run with streamed events, so that they are kept, and waits for its end. */
export async function run({ request }, id, body, query = '', headers = {}) {
  const begun = await request('POST', `/v1/workflows/${id}/runs${query}`, body, {
    prefer: 'respond-async',
    ...headers,
  });
  return settledRun({ request }, begun.id);
}

/** Waits until a run has ended, or waits for a person. */
export async function settledRun({ request }, id) {
  for (;;) {
    const now = await request('GET', `/v1/runs/${id}`);
    if (now.ended_at || now.status === 'waiting') return now;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** Returns ids of what the tests look for. */
export async function seed(server, helpdesk) {
  const { request } = server;
  server.setClock?.(-HALF_DAYS * 12);
  const first = documentOf('support-reply', helpdesk);
  await publish(
    server,
    'support-reply',
    first.replace('>= 0.8', '> 0.5').replace(', timeout: 5s', ''),
    'First version.',
  );
  await publish(server, 'support-reply', first, 'Asks a person if it is not sure. The help desk gets 5 s.');
  await publish(server, 'price-watch', documentOf('price-watch', helpdesk), 'Looks every morning at seven.');
  await publish(server, 'newsletter', documentOf('newsletter', helpdesk));
  for (const id of ['invoice', 'triage', 'review', 'shop', 'refund']) await publish(server, id, exampleOf(id));
  await request('PUT', '/v1/workflows/onboarding', exampleOf('signup').replace(/^name: .*/m, 'name: Onboarding'));
  await request('PUT', '/v1/secrets/HELPDESK_TOKEN', { value: 'not-a-real-token', hosts: ['desk.example.com'] });
  await seedKeys(request);
  if (server.setClock) await seedHistory(server, helpdesk);
  return seedRuns(server, helpdesk);
}

async function seedKeys(request) {
  const key = (name, workflows, more = {}) => request('POST', '/v1/keys', { name, workflows, ...more });
  await key('website', ['support-reply'], { scopes: ['run', 'read'], limits: { requests_per_minute: 60, burst: 10 } });
  await key('batch-jobs', '*', { scopes: ['run', 'read', 'cancel'] });
  await key('mobile-app', ['support-reply', 'shop'], { scopes: ['run'], budget: { max_cost_usd: 20, per: 'month' } });
}

async function seedRuns(server, helpdesk) {
  const support = (ticket_id, question, user) => run(server, 'support-reply', { input: { ticket_id, question }, user });
  const succeeded = await support('T-20817', 'Where is my order? I paid on Monday.', 'ada');
  await support('T-20818', 'Can I change the delivery address?', 'grace');
  await support('T-20821', 'The kettle arrived without its lid.', 'linus');
  helpdesk.failing.add('/search');
  const failed = await support('T-20822', 'How do I return a lamp?', 'grace');
  helpdesk.failing.delete('/search');
  helpdesk.failing.add('/prices');
  for (const product of ['kettle', 'lamp', 'toaster']) await run(server, 'price-watch', { input: { product } });
  helpdesk.failing.delete('/prices');
  await run(server, 'price-watch', { input: { product: 'kettle' } });
  const question = await run(server, 'refund', { input: { order: 'A-1007', amount: 49.9 } });
  for (const [index, topic] of ['spring sale', 'opening hours'].entries()) {
    await run(server, 'review', { input: { topics: [topic] }, user: `editor-${index}` });
  }
  const long = await server.request(
    'POST',
    '/v1/workflows/newsletter/runs',
    { input: { month: 'March' } },
    { prefer: 'respond-async' },
  );
  await server.request('POST', `/v1/runs/${long.id}/cancel`);
  await settledRun(server, long.id);
  return { succeeded: succeeded.id, failed: failed.id, question: question.id, cancelled: long.id };
}
