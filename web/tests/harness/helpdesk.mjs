// The outside world of the seeded workflows: a help desk, a shop, a model, and a receiver of webhooks. It fails where the tests say.
import { createServer } from 'node:http';
import { answerAsModel } from './model.mjs';

/** Returns `{ url, received, failing, close }`: paths in `failing` answer 503. */
export async function startHelpdesk() {
  const received = [];
  const failing = new Set();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ method: request.method, path: pathname, body: Buffer.concat(chunks).toString() });
    if (pathname.endsWith('/chat/completions')) return answerAsModel(received.at(-1).body, response);
    const [status, body] = [...failing].some((path) => pathname.startsWith(path))
      ? [503, { error: 'The service is away.' }]
      : answer(pathname);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, received, failing, close: () => server.close() };
}

function answer(path) {
  if (path.endsWith('/reply')) return [201, { id: 'R-1' }];
  if (path.startsWith('/tickets/')) return [200, { order: 'A-5512', eta: '3 February', confidence: 0.92 }];
  if (path.startsWith('/search')) return [200, { answer: 'The first scan takes a day.' }];
  if (path.startsWith('/prices/')) return [200, { shop: 'Kitchen & Co', price: 34.9 }];
  if (path.startsWith('/pages/')) return [200, { text: 'We open at nine, and close at two on Saturdays.' }];
  if (path === '/ledger') return [201, { booked: true }];
  if (path.startsWith('/hooks/')) return [200, { ok: true }];
  return [404, { error: 'There is no such thing.' }];
}
