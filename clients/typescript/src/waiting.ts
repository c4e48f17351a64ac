/** Waits for the end of a run that was started without waiting. */

import { type Connection, isPassing, pause, send } from './connection.js';
import type { components } from './schema.js';

export type Run = components['schemas']['Run'];
export type WaitOptions = { timeoutMs?: number; signal?: AbortSignal };

const ENDED: Run['status'][] = ['succeeded', 'failed', 'cancelled'];

/**
 * The run when it has ended, however it ended. Asks as often as the server says (`Retry-After`). An answer that is lost, or a
 * server that is overloaded, is asked again. Throws after `timeoutMs`, 15 minutes by default.
 */
export async function waitFor(
  connection: Connection,
  runId: string,
  { timeoutMs = 900_000, signal }: WaitOptions = {},
): Promise<Run> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    let seconds = 1;
    try {
      const response = await send(connection, `v1/runs/${encodeURIComponent(runId)}`, { signal: signal ?? null });
      seconds = Number(response.headers.get('Retry-After')) || 1;
      const run: Run = await response.json();
      if (ENDED.includes(run.status)) return run;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
    }
    const wait = Math.min(60, seconds) * 1_000;
    if (Date.now() + wait > end) throw new Error(`${runId} has not ended after ${timeoutMs} ms`);
    await pause(wait, signal);
  }
}
