import { afterEach, beforeEach, expect, test, vi } from 'vitest';

vi.stubGlobal('document', { baseURI: 'http://localhost/' });
vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => {}, removeItem: () => {} });

const { followRun } = await import('./events');

const streamOf = (...events: string[]) =>
  new Response(events.map((event, index) => `id: ${index + 1}\nevent: ${event}\ndata: {}\n\n`).join(''));
const refusal = (status: number, headers = {}) => new Response('{}', { status, headers });

/** Follows a run of which the server answers this, and says what came, and when it was asked. */
async function follow(answers: Response[]) {
  const asked: { at: number; after: string | null }[] = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    asked.push({ at: Date.now(), after: request.headers.get('Last-Event-ID') });
    return answers.shift() ?? new Response(null, { status: 204 });
  });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { event } of followRun('run_1', new AbortController().signal)) seen.push(event);
  })();
  const failure = reading.then(
    () => null,
    (error: Error) => error,
  );
  await vi.advanceTimersByTimeAsync(60_000);
  const begun = asked[0]?.at ?? 0;
  return { seen, failure: await failure, asked: asked.map(({ at, after }) => ({ at: at - begun, after })) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a stream that is cut goes on at once after its last event', async () => {
  const { seen, asked } = await follow([streamOf('run.started', 'chunk'), streamOf('run.finished')]);
  expect(seen).toEqual(['run.started', 'chunk', 'run.finished']);
  expect(asked).toEqual([
    { at: 0, after: null },
    { at: 0, after: '2' },
  ]);
});

test('streams that end with nothing are asked for ever more rarely', async () => {
  const { asked } = await follow([streamOf(), streamOf(), streamOf(), streamOf('run.finished')]);
  expect(asked.map(({ at }) => at)).toEqual([0, 2_000, 6_000, 12_000]);
});

test('a used-up rate is waited for, and the run followed on', async () => {
  const { seen, asked, failure } = await follow([refusal(429, { 'Retry-After': '7' }), streamOf('run.finished')]);
  expect(failure).toBeNull();
  expect(seen).toEqual(['run.finished']);
  expect(asked.map(({ at }) => at)).toEqual([0, 7_000]);
});

test('any other refusal ends it', async () => {
  const { asked, failure } = await follow([refusal(403), streamOf('run.finished')]);
  expect(failure).toMatchObject({ status: 403 });
  expect(asked).toHaveLength(1);
});
