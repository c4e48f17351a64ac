// A week of a small company's work, for pictures: real runs, with the server's clock set back.
import { documentOf, publish, run } from './seed.mjs';

export const HALF_DAYS = 14;
/** How many runs each half-day has: by day more than by night, none of some on a Sunday. */
const WORK = [
  ['page-summary', (at) => 5 + ((at * 5) % 4), (n) => ({ page: `page-${n}` })],
  [
    'support-reply',
    (at) => 4 + ((at * 3) % 3),
    (n) => ({ ticket_id: `T-20${400 + n}`, question: 'Where is my order?' }),
  ],
  ['invoice-extract', (at) => 3 + (at % 3), (n) => ({ text: `INV-${2_000 + n}, Nordlicht GmbH, 129.50 EUR` })],
  [
    'lead-brief',
    (at) => (at % 7 === 3 ? 0 : 2 + (at % 2)),
    (n) => ({ company: ['Nordlicht GmbH', 'Kitchen & Co'][n % 2] }),
  ],
  ['illustrated-story', (at) => (at % 3 === 1 ? 2 : 1), () => ({ topic: 'a lighthouse keeper and a lost whale' })],
  ['product-blurb', (at) => (at % 4 === 0 ? 1 : 0), () => ({ product: 'enamel kettle' })],
];
const USERS = ['ada', 'grace', 'linus', 'margaret'];

/** Needs a server whose clock can be set, and the workflows of `seed`. */
export async function seedHistory(server, helpdesk) {
  const { request } = server;
  await request('PUT', '/v1/secrets/OPENAI_API_KEY', { value: 'not-a-real-key' });
  await request('PUT', '/v1/secrets/OPENAI_BASE_URL', { value: `${helpdesk.url}/v1` });
  for (const [id] of WORK) if (id !== 'support-reply') await publish(server, id, documentOf(id, helpdesk));
  await request('PUT', '/v1/workflows/translate-notes', documentOf('translate-notes', helpdesk));
  const caller = await request('POST', '/v1/keys', { name: 'nightly-batch', workflows: '*' });
  for (let at = 0; at < HALF_DAYS; at++) await seedHalfDay(server, helpdesk, at, caller.key);
  server.setClock(0);
}

async function seedHalfDay(server, helpdesk, at, key) {
  const begin = (at - HALF_DAYS) * 12 + 0.5;
  const work = WORK.flatMap(([id, count, input]) =>
    Array.from({ length: count(at) }, (_, n) => ({ id, body: { input: input(at * 10 + n), user: userOf(at + n) } })),
  );
  // Spread over the half-day, the last day more finely; the site was away for a while.
  const parts = at < HALF_DAYS - 2 ? 2 : 6;
  for (let part = 0; part < parts; part++) {
    server.setClock(begin + (12 / parts) * part);
    if (at === HALF_DAYS - 1 && part === parts - 1) await publishStricter(server, helpdesk);
    const isAway = at === 6 && part === 1;
    if (isAway) helpdesk.failing.add('/search');
    const runs = work.filter((_, index) => index % parts === part);
    await Promise.all(runs.map(({ id, body }) => run(server, id, body, '', { key })));
    helpdesk.failing.delete('/search');
  }
}

const userOf = (n) => USERS[n % USERS.length];

/** From here on it fails: the model finds no tax number. */
async function publishStricter(server, helpdesk) {
  const stricter = documentOf('invoice-extract', helpdesk).replace('supplier, total]', 'supplier, total, vat_id]');
  await publish(server, 'invoice-extract', stricter, 'The tax number is required.');
  const runs = Array.from({ length: 5 }, (_, n) => ({
    input: { text: `INV-${2_300 + n}, Nordlicht GmbH, 129.50 EUR` },
  }));
  await Promise.all(runs.map((body) => run(server, 'invoice-extract', body)));
}
