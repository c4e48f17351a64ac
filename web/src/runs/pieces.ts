/** The pieces of one row of the waterfall: what of its time was queue, work, a failed attempt, a pause. */

import type { Schemas } from '../api/client';
import type { NodeTrace } from '../api/runs';

export type Piece = { look: 'queue' | 'work' | 'failed' | 'pause' | 'span' | 'live'; from: number; to: number };
/** `over`: nothing goes on any more, and `now` is the end of the run. */
export type Clock = { origin: number; now: number; over?: boolean };
type Attempt = Schemas['AttemptTrace'];

/** Kinds whose time is spent waiting, not working. */
const PAUSES = new Set(['approval', 'wait']);

/** Shorter queues than this are not worth a mark. */
const QUEUE_MS = 5;

/** A call that a cancelled run left has no end of its own: the run's end is where it stopped. */
export function runClock(run: { created_at: string; ended_at: string | null }, now: number): Clock {
  const origin = Date.parse(run.created_at);
  return run.ended_at ? { origin, now: Date.parse(run.ended_at), over: true } : { origin, now };
}

export const msFrom = (clock: Clock, time: string) => new Date(time).getTime() - clock.origin;
const elapsed = (clock: Clock) => clock.now - clock.origin;

/** One call: each of its attempts, the pauses between, and how long it stood in a queue before. */
export function callPieces(attempts: Attempt[], clock: Clock): Piece[] {
  const pieces: Piece[] = [];
  let last: number | null = null;
  for (const attempt of attempts) {
    if (!attempt.started_at || attempt.reused) continue;
    const from = msFrom(clock, attempt.started_at);
    const queued = attempt.queued_at ? msFrom(clock, attempt.queued_at) : from;
    if (last !== null) pieces.push({ look: 'pause', from: last, to: from });
    else if (from - queued > QUEUE_MS) pieces.push({ look: 'queue', from: queued, to: from });
    const to = attempt.ended_at ? msFrom(clock, attempt.ended_at) : elapsed(clock);
    pieces.push({ look: lookOf(attempt, clock), from, to });
    last = to;
  }
  return pieces;
}

const lookOf = (attempt: Attempt, { over }: Clock): Piece['look'] =>
  attempt.ended_at === null && !over ? 'live' : attempt.status === 'failed' ? 'failed' : 'work';

/** The whole of a node: its queue, then its calls, or what it took if it makes none. */
export function nodePieces(node: NodeTrace, clock: Clock, whole: boolean): Piece[] {
  if (!node.started_at) return [];
  const from = msFrom(clock, node.started_at);
  const to = node.duration_ms === null ? elapsed(clock) : from + node.duration_ms;
  const queue = queuePiece(node, from, clock);
  if (whole) return [...queue, { look: 'span', from, to }];
  const calls = node.calls.flatMap((call) => callPieces(call.attempts, clock));
  if (calls.length) return [...queue, ...calls];
  const look = PAUSES.has(node.kind)
    ? 'pause'
    : node.status === null && !clock.over
      ? 'live'
      : node.status === 'failed'
        ? 'failed'
        : 'work';
  return [...queue, { look, from, to }];
}

function queuePiece(node: NodeTrace, started: number, clock: Clock): Piece[] {
  if (!node.ready_at) return [];
  const ready = msFrom(clock, node.ready_at);
  return started - ready > QUEUE_MS ? [{ look: 'queue', from: ready, to: started }] : [];
}

/** How long the pieces of a look took together. */
export const total = (pieces: Piece[], look: Piece['look']) =>
  pieces.reduce((sum, piece) => sum + (piece.look === look ? piece.to - piece.from : 0), 0);

/** Where the run's time went: pauses between attempts count once for each call, work as the time of its calls. */
export function timeSpent(nodes: NodeTrace[], clock: Clock): { work: number; paused: number } {
  const calls = nodes.flatMap((node) => node.calls.flatMap((call) => callPieces(call.attempts, clock)));
  return {
    work: covered(calls.filter(({ look }) => look !== 'pause' && look !== 'queue')),
    paused: total(calls, 'pause'),
  };
}

/** The length of the union of pieces: what ran at the same time counts once. */
function covered(pieces: Piece[]): number {
  let sum = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const { from, to } of pieces.toSorted((a, b) => a.from - b.from)) {
    sum += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return sum;
}
