// A shop whose answers take a while: the outside world of `order-desk`. Replies fail while it is in maintenance.
import { createServer } from 'node:http';

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns `{ url, replies, hooks, close, maintenance }`; `maintenance(true)` lets replies fail with 503. */
export async function startOrderDesk() {
  const desk = { replies: [], hooks: [], away: false };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [status, body, delay] = answer(desk, pathname, Buffer.concat(chunks).toString());
    await wait(delay);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    replies: desk.replies,
    hooks: desk.hooks,
    maintenance: (away) => {
      desk.away = away;
    },
    close: () => server.close(),
  };
}

function answer(desk, path, body) {
  if (path.endsWith('/reply')) {
    if (desk.away) return [503, { error: 'maintenance' }, 90];
    desk.replies.push(body);
    return [201, { sent: true }, 60];
  }
  if (path.startsWith('/tickets/')) return [200, { body: 'The parcel left us on Tuesday.', customer: 'ada' }, 120];
  if (path.startsWith('/search')) return [200, { hits: ['page-1', 'page-2'] }, 70];
  if (path.startsWith('/orders/')) return [200, { state: 'shipped', eta: '2 days' }, 150];
  if (path.startsWith('/hooks/')) {
    desk.hooks.push({ path, body });
    return path === '/hooks/gone' ? [410, { error: 'gone' }, 0] : [200, { ok: true }, 20];
  }
  return [404, { error: 'There is no such thing.' }, 0];
}
