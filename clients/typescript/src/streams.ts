/** Follows the events of a run to its end, whatever happens to the connection. */

import { type Connection, isPassing, pause, send } from './connection.js';
import type { components } from './schema.js';

export type StartRun = components['schemas']['StartRun'];
/** `id` is where a later `follow` goes on. `type` is one of those that the API lists, such as `chunk`. */
export type Event = { id: string | null; type: string; data: Record<string, unknown> };

/** Gives up after so many `attempts` in a row that brought no event; five by default. */
export type FollowOptions = { after?: string; attempts?: number; signal?: AbortSignal };
export type StartOptions = Omit<FollowOptions, 'after'> & { version?: string; idempotencyKey?: string };

type Request = { path: string; method: string; headers: Record<string, string>; body?: string };

const LONGEST_PAUSE_MS = 30_000;
/** The server sends a comment after 15 s of silence. */
const SILENCE_MS = 45_000;

/**
 * The events of a run, from its first one or after one, up to and with `run.finished`. A stream that is cut goes on after its
 * last event: none comes twice, none is missing.
 */
export function follow(connection: Connection, runId: string, options: FollowOptions = {}): AsyncGenerator<Event> {
  return resumed(connection, eventsOf(runId), options);
}

/**
 * Starts a run and follows it. The first event is `run.started`, which names the run. The start has an idempotency key: it is
 * sent again if the connection is lost before the first event, and starts one run.
 */
export function startAndFollow(
  connection: Connection,
  workflowId: string,
  body: StartRun = {},
  { version, idempotencyKey = crypto.randomUUID(), ...options }: StartOptions = {},
): AsyncGenerator<Event> {
  const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
  const start = {
    path: `v1/workflows/${encodeURIComponent(workflowId)}/runs${query}`,
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
    body: JSON.stringify(body),
  };
  return resumed(connection, start, options);
}

const eventsOf = (runId: string): Request => ({
  path: `v1/runs/${encodeURIComponent(runId)}/events`,
  method: 'GET',
  headers: {},
});

async function* resumed(
  connection: Connection,
  first: Request,
  { after, attempts = 5, signal }: FollowOptions,
): AsyncGenerator<Event> {
  let request = first;
  let last = after;
  for (let failures = 1; ; failures += 1) {
    let lost: unknown = new Error('the stream ended before the run');
    try {
      const response = await open(connection, request, last, signal);
      if (response.status === 204) return;
      for await (const event of read(response)) {
        failures = 0;
        last = event.id ?? last;
        if (event.type === 'run.started') request = eventsOf(String(event.data.run_id));
        if (event.type !== 'reconnect') yield event;
        if (event.type === 'run.finished') return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      lost = error;
    }
    if (failures >= attempts) throw lost;
    await pause(Math.min(LONGEST_PAUSE_MS, 250 * 2 ** failures), signal);
  }
}

function open(connection: Connection, request: Request, last: string | undefined, signal?: AbortSignal) {
  const { path, headers, ...init } = request;
  const resume: Record<string, string> = last === undefined ? {} : { 'Last-Event-ID': last };
  const all = { Accept: 'text/event-stream', ...headers, ...resume };
  return send(connection, path, { ...init, headers: all, signal: signal ?? null });
}

/** A frame ends with an empty line. What a cut left of one is dropped: it comes again. */
async function* read(response: Response): AsyncGenerator<Event> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await soon(reader.read());
      if (done) return;
      const frames = (rest + value).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) yield* parse(frame);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

async function soon<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the stream fell silent')), SILENCE_MS);
  });
  return Promise.race([answer, silence]).finally(() => clearTimeout(timer));
}

function* parse(frame: string): Generator<Event> {
  const fields = new Map(frame.split('\n').map((line) => [line.split(':', 1)[0], line.replace(/^[^:]*: ?/, '')]));
  const data = fields.get('data');
  if (data !== undefined) {
    yield { id: fields.get('id') ?? null, type: fields.get('event') ?? 'message', data: JSON.parse(data) };
  }
}
