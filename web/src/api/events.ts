import { ApiError, authorizedFetch } from './client';

export type RunEvent = { id: string | null; event: string; data: Record<string, unknown> };

/** Reads server-sent events out of a response. */
export async function* readEvents(response: Response): AsyncGenerator<RunEvent> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      const frames = rest.split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) {
        const parsed = parse(frame);
        if (parsed) yield parsed;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(frame: string): RunEvent | null {
  let id: string | null = null;
  let event = 'message';
  let data = '';
  for (const line of frame.split('\n')) {
    if (line.startsWith('id: ')) id = line.slice(4);
    else if (line.startsWith('event: ')) event = line.slice(7);
    else if (line.startsWith('data: ')) data += line.slice(6);
  }
  return data ? { id, event, data: JSON.parse(data) } : null;
}

/**
 * Follows a run to its end, and resumes after the last event it has when the stream is cut or the server says
 * `reconnect`. It waits the longer, the more often nothing came. `EventSource` cannot do this: it sends no key.
 */
export async function* followRun(
  runId: string,
  signal: AbortSignal,
  onState?: (state: 'live' | 'reconnecting') => void,
): AsyncGenerator<RunEvent> {
  let last: string | null = null;
  let failures = 0;
  while (!signal.aborted) {
    const begun = Date.now();
    let wait = 0;
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (last) headers['Last-Event-ID'] = last;
      const url = new URL(`v1/runs/${encodeURIComponent(runId)}/events`, document.baseURI);
      const response = await authorizedFetch(url.href, { headers, signal });
      if (response.status === 204) return;
      onState?.('live');
      failures += 1;
      for await (const event of readEvents(response)) {
        failures = 0;
        if (event.id) last = event.id;
        if (event.event === 'reconnect') break;
        yield event;
        if (event.event === 'run.finished') return;
      }
      // A run may be silent for long: a stream that has stood for a while did not fail.
      if (Date.now() - begun > LONGEST_MS) failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && isFinal(error)) throw error;
      if (error instanceof ApiError) wait = (error.retryAfter ?? 0) * 1_000;
      failures += 1;
    }
    if (failures) onState?.('reconnecting');
    await pause(Math.max(wait, Math.min(LONGEST_MS, failures * STEP_MS)), signal);
  }
}

/** Whether the same request would be refused again: the rate of a key comes back, and so does a server. */
const isFinal = (error: ApiError) => !error.isOffline && error.status < 500 && error.status !== 429;

const STEP_MS = 2_000;
const LONGEST_MS = 30_000;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
