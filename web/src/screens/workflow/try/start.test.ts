import { expect, test, vi } from 'vitest';

vi.stubGlobal('document', { baseURI: 'http://localhost/' });
vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => {}, removeItem: () => {} });

const { Progress } = await import('./progress');
const { newKey, runToEnd } = await import('./start');

const line = (event: string, data: object) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
const attempt = { url: 'http://localhost/', mode: 'stream' as const, body: {}, idempotencyKey: 'k' };

/** A stream that brings this and then breaks, as with a lost connection. */
function broken(text: string, headers = {}) {
  let isRead = false;
  const stream = new ReadableStream({
    pull(controller) {
      if (isRead) return controller.error(new TypeError('network error'));
      isRead = true;
      controller.enqueue(new TextEncoder().encode(text));
    },
  });
  return new Response(stream, { headers });
}

async function run(answers: Response[]) {
  vi.stubGlobal('fetch', async () => answers.shift());
  const progress = new Progress();
  await runToEnd(attempt, progress, new AbortController().signal, () => {});
  return progress;
}

test('a stream whose connection is lost is followed from its first event', async () => {
  const begin = line('chunk', { node: 'talk', text: 'Hel' });
  const end = line('run.finished', { id: 'run_1', status: 'succeeded', ended_at: '2026-01-01T00:00:00Z' });
  const whole = line('chunk', { node: 'talk', text: 'Hello' }) + end;
  const progress = await run([broken(begin, { 'X-Run-Id': 'run_1' }), new Response(whole)]);
  expect(progress.run?.status).toBe('succeeded');
  expect(progress.texts().get('talk')).toBe('Hello');
});

test('a lost connection before the run has an id is said', async () => {
  await expect(run([broken('')])).rejects.toThrow('network error');
});

test('no two starts have the same key', () => {
  expect(newKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(newKey()).not.toBe(newKey());
});
