/** What the events of a run say of its nodes, while the trace does not yet. */

import type { RunEvent } from '../api/events';
import type { NodeTrace, Run } from '../api/runs';
import { blankNode } from './blankNode';

export type Live = {
  nodes: Map<string, NodeTrace>;
  /** Text that came, by node. */
  text: Map<string, string>;
  /** The run as it ended. */
  ended: Run | null;
};

export const emptyLive = (): Live => ({ nodes: new Map(), text: new Map(), ended: null });

type Data = {
  node: string;
  kind: string;
  at: string;
  attempt: number;
  call?: string;
  text?: string;
  status: NodeTrace['status'];
  error: NodeTrace['error'];
  duration_ms: number | null;
  tokens: number | null;
  cost_nano_usd: number | null;
};

/** Adds events to what is known; nodes that change are new objects, so that only their rows are drawn again. */
export function addEvents(live: Live, events: RunEvent[]): Live {
  const next: Live = { nodes: new Map(live.nodes), text: new Map(live.text), ended: live.ended };
  for (const event of events) add(next, event);
  return next;
}

function add(live: Live, { event, data: raw }: RunEvent) {
  const data = raw as unknown as Data;
  switch (event) {
    case 'node.started':
      live.nodes.set(data.node, opened(data));
      break;
    case 'node.attempt':
      attempted(live, data);
      break;
    case 'chunk':
      live.text.set(data.node, (live.text.get(data.node) ?? '') + data.text);
      break;
    case 'node.reset':
      live.text.delete(data.node);
      break;
    case 'node.finished':
      finished(live, data);
      break;
    case 'run.finished':
      live.ended = raw as unknown as Run;
  }
}

const opened = ({ node, kind, at }: Data): NodeTrace => ({ ...blankNode(node, kind), attempts: 1, started_at: at });

const attempt = (number: number, at: string): NodeTrace['calls'][number]['attempts'][number] => ({
  attempt: number,
  queued_at: null,
  started_at: at,
  ended_at: null,
  status: null,
  code: null,
  http_status: null,
  finish_reason: null,
  tokens: null,
  cost_nano_usd: null,
});

/** A call goes out again, or a further one begins: whatever went before it in the same call has ended. */
function attempted(live: Live, data: Data) {
  const node = live.nodes.get(data.node);
  if (!node) return;
  const name = data.call ?? null;
  const calls =
    node.calls.length || !name ? node.calls : [{ call: null, attempts: [attempt(1, node.started_at ?? data.at)] }];
  const known = calls.find(({ call }) => call === name);
  const before = known?.attempts ?? (data.attempt > 1 ? [attempt(1, node.started_at ?? data.at)] : []);
  const attempts = [
    ...before.map((past) => (past.ended_at ? past : { ...past, ended_at: data.at, status: 'failed' as const })),
    attempt(data.attempt, data.at),
  ];
  const closed = calls
    .filter(({ call }) => call !== name)
    .map((call) =>
      sameTurn(call.call, name) ? call : { ...call, attempts: call.attempts.map((a) => ended(a, data.at)) },
    );
  live.nodes.set(data.node, {
    ...node,
    attempts: Math.max(node.attempts, data.attempt),
    calls: [...closed, { call: name, attempts }],
  });
}

/** Tools of one turn run at the same time: the begin of one says nothing about another. */
const sameTurn = (a: string | null, b: string | null) => {
  const turn = (call: string | null) => /^(turn\d+)\.tool/.exec(call ?? '')?.[1];
  return turn(a) !== undefined && turn(a) === turn(b);
};

const ended = <A extends { ended_at: string | null; status: NodeTrace['status'] }>(past: A, at: string): A =>
  past.ended_at ? past : { ...past, ended_at: at, status: 'succeeded' };

function finished(live: Live, data: Data) {
  const node = live.nodes.get(data.node) ?? { ...opened(data), started_at: data.status === 'skipped' ? null : data.at };
  live.nodes.set(data.node, {
    ...node,
    status: data.status,
    error: data.error,
    duration_ms: data.duration_ms,
    tokens: data.tokens,
    cost_nano_usd: data.cost_nano_usd,
    calls: node.calls.map((call) => ({
      ...call,
      attempts: call.attempts.map((past) =>
        past.ended_at ? past : { ...past, ended_at: data.at, status: data.status },
      ),
    })),
  });
}

/** The nodes of a trace and those of events together: of an open node the events know more, of an ended one the trace. */
export function mergeTrace(trace: NodeTrace[], live: Live): NodeTrace[] {
  const known = new Set(trace.map(({ node }) => node));
  const merged = trace.map((node) => {
    const seen = live.nodes.get(node.node);
    return node.status === null && seen && (seen.status !== null || seen.attempts > node.attempts)
      ? { ...node, ...open(seen) }
      : node;
  });
  return [...merged, ...[...live.nodes.values()].filter(({ node }) => !known.has(node))];
}

const open = ({ status, error, duration_ms, attempts, calls, tokens, cost_nano_usd }: NodeTrace) => ({
  status,
  error,
  duration_ms,
  attempts,
  tokens,
  cost_nano_usd,
  ...(calls.length ? { calls } : {}),
});
