/** What stands beside a bar of the waterfall. */
import type { Schemas } from '../api/client';
import type { NodeTrace } from '../api/runs';
import { formatDuration } from '../ui/format';
import { type Clock, callPieces, nodePieces, total } from './pieces';

type Attempt = Schemas['AttemptTrace'];
const TIMES = ['', 'once', 'twice', 'three times', 'four times', 'five times'];
export const times = (count: number) => TIMES[count] ?? `${count} times`;

const seconds = (ms: number) => formatDuration(Math.max(0, ms));
const reason = (attempt: Attempt) =>
  attempt.http_status && attempt.http_status >= 400 ? String(attempt.http_status) : (attempt.code ?? 'failed');

export function nodeNote(
  node: NodeTrace,
  clock: Clock,
  context: { iterations: number; holds: boolean; queuedMs: number | null },
): string {
  if (node.reused) return 'taken over';
  if (node.pinned) return 'pinned';
  if (node.node === 'api') return context.queuedMs ? `${seconds(context.queuedMs)} in queue` : '';
  if (!node.started_at) return '';
  const branch = (node.output as { branch?: string } | null)?.branch;
  if (node.kind === 'condition' || node.kind === 'router') return branch ?? seconds(node.duration_ms ?? 0);
  const pieces = nodePieces(node, clock, context.holds);
  const queue = total(pieces, 'queue');
  if (!context.holds && node.calls[0]) return withQueue(queue, callNote(node.calls[0].attempts, clock, false));
  const took =
    node.duration_ms === null
      ? `${seconds(clock.now - Date.parse(node.started_at))}${clock.over ? '' : ' so far'}`
      : seconds(node.duration_ms);
  const counted = context.iterations ? `${took}, ${done(node, context.iterations)}` : took;
  return withQueue(queue, node.status === 'failed' && node.error ? `${counted}, ${node.error.code}` : counted);
}

const withQueue = (queue: number, rest: string) => (queue >= 50 ? `${seconds(queue)} in queue + ${rest}` : rest);

function done(node: NodeTrace, iterations: number): string {
  const results = (node.output as { results?: unknown[] } | null)?.results;
  return results ? `${results.length} of ${results.length}` : `${iterations} begun`;
}

export function callNote(attempts: Attempt[], clock: Clock, queueToo = true): string {
  if (attempts.some(({ reused }) => reused)) return 'taken over';
  const failed = attempts.filter(({ status }) => status === 'failed');
  const last = attempts.at(-1);
  const pieces = callPieces(attempts, clock);
  if (failed.length && last?.status === 'failed') {
    const same = failed.every((attempt) => reason(attempt) === reason(last));
    return same && failed.length > 1 ? `${reason(last)} ${times(failed.length)}` : failed.map(reason).join(', ');
  }
  if (failed[0]) return `${reason(failed[0])}, again after ${seconds(total(pieces, 'pause'))}`;
  const queue = queueToo ? total(pieces, 'queue') : 0;
  return withQueue(queue, seconds(total(pieces, 'work') + total(pieces, 'live')));
}

/** `[1]`, `[1] and [2]`, `[1] to [7]`. */
export function iterationNote(items: number[]): string {
  const [first, last] = [items[0], items.at(-1)];
  if (items.length === 1) return `[${first}]`;
  return items.length === 2 ? `[${first}] and [${last}]` : `[${first}] to [${last}]`;
}

export const groupNote = (ms: number) => seconds(ms);
