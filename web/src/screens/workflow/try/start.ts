/** Starts a run and follows it to its end, in the mode that was chosen. */
import { ApiError, authorizedFetch } from '../../../api/client';
import { followRun, readEvents } from '../../../api/events';
import type { Progress, Run } from './progress';
import { type Mode, modeHeaders } from './request';

export type Attempt = {
  url: string;
  mode: Mode;
  body: Record<string, unknown>;
  /** Makes the start safe to repeat, and lets `runIdOf` find the run of a caller who waits. */
  idempotencyKey: string;
};

export function post({ url, mode, body, idempotencyKey }: Attempt, signal?: AbortSignal): Promise<Response> {
  return authorizedFetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey, ...modeHeaders(mode) },
    body: JSON.stringify(body),
    signal,
  });
}

/** A key that no other start has. Without TLS a browser has no `crypto.randomUUID`. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Changes `progress` as news comes, and calls `onNews` after each. */
export async function runToEnd(attempt: Attempt, progress: Progress, signal: AbortSignal, onNews: () => void) {
  const response = await post(attempt, signal);
  progress.runId = response.headers.get('X-Run-Id');
  onNews();
  if (attempt.mode !== 'stream') {
    const run: Run = await response.json();
    progress.runId = run.id;
    if (run.ended_at) progress.apply({ id: null, event: 'run.finished', data: run });
    onNews();
    if (run.ended_at) return;
  } else {
    await stream(response, progress, signal, onNews);
    if (progress.run) return;
    // The stream was cut. Followed from its first event, the run reads as if it had not been.
    progress.restart();
  }
  await follow(progress, signal, onNews);
}

/** Reads the stream of the start to its end, or to where the connection was lost. */
async function stream(response: Response, progress: Progress, signal: AbortSignal, onNews: () => void) {
  try {
    for await (const event of readEvents(response)) {
      if (event.event === 'reconnect') return;
      progress.apply(event);
      onNews();
    }
  } catch (error) {
    if (signal.aborted || !progress.runId) throw error;
  }
}

async function follow(progress: Progress, signal: AbortSignal, onNews: () => void) {
  if (!progress.runId) return;
  for await (const event of followRun(progress.runId, signal)) {
    progress.apply(event);
    onNews();
  }
}

/**
 * Returns the id of a run whose caller still waits: the answer brings it only at the end, but a repeat of the start is
 * refused with it.
 */
export async function runIdOf(attempt: Attempt): Promise<string | null> {
  try {
    return (await post(attempt)).headers.get('X-Run-Id');
  } catch (error) {
    const known = error instanceof ApiError && error.code === 'still_running';
    return known ? ((error.problem as { run_id?: string }).run_id ?? null) : null;
  }
}
