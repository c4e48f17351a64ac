/** What a rerun from a node keeps of the run before. */
import type { NodeTrace, Run } from '../api/runs';
import type { Outline } from '../graph/types';
import { type Clock, nodePieces } from './pieces';
import { withoutIterations } from './traceTree';

export type Savings = {
  ms: number;
  /** Null if a price is not known. */
  costNanoUsd: number | null;
};

const topId = (path: string) => withoutIterations(path).split('/')[0] ?? path;

/** The ids of a node and all that depends on it, containers included. */
export function dependents(outline: Outline, from: string): Set<string> {
  const parents = new Map(outline.nodes.map((node) => [node.id, node.parent]));
  const found = new Set<string>();
  const visit = (id: string) => {
    if (found.has(id)) return;
    found.add(id);
    for (const edge of outline.edges) if (edge.from === id) visit(edge.to);
    const parent = parents.get(id);
    if (parent) visit(parent);
  };
  visit(from);
  return found;
}

/**
 * What is kept if the run goes on from a node: all that does not depend on it. Without an outline it is what had ended when
 * the node began, which is less at most.
 */
export function savings(nodes: NodeTrace[], outline: Outline | null, from: string): Savings {
  const kept = nodes.filter((node) => node.status === 'succeeded' && !node.reused);
  const again = outline ? dependents(outline, withoutIterations(from).split('/').at(-1) ?? from) : null;
  const before = nodes.find(({ node }) => node === from)?.started_at;
  const saved = kept.filter((node) =>
    again
      ? !again.has(topId(node.node)) && !again.has(node.node)
      : Boolean(before && endOf(node) <= new Date(before).getTime()),
  );
  const clock: Clock = { origin: 0, now: 0 };
  const spans = saved.filter(({ started_at }) => started_at).flatMap((node) => nodePieces(node, clock, true));
  const priced = saved.filter(({ tokens, cost_nano_usd }) => tokens !== null || cost_nano_usd !== null);
  return {
    ms: union(spans.filter(({ look }) => look === 'span')),
    costNanoUsd: priced.some(({ cost_nano_usd }) => cost_nano_usd === null)
      ? null
      : priced.reduce((sum, { cost_nano_usd }) => sum + (cost_nano_usd ?? 0), 0),
  };
}

const endOf = (node: NodeTrace) =>
  node.started_at ? new Date(node.started_at).getTime() + (node.duration_ms ?? 0) : Infinity;

function union(spans: { from: number; to: number }[]): number {
  let [sum, end] = [0, Number.NEGATIVE_INFINITY];
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    sum += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return sum;
}

/** What runs had spent together; null if that is not known of one of them. */
export function spent(runs: Pick<Run, 'usage' | 'duration_ms'>[]): Savings {
  const known = runs.every(({ usage }) => usage.cost_nano_usd !== null);
  return {
    ms: runs.reduce((sum, { duration_ms }) => sum + (duration_ms ?? 0), 0),
    costNanoUsd: known ? runs.reduce((sum, { usage }) => sum + (usage.cost_nano_usd ?? 0), 0) : null,
  };
}

/** The node and code that all runs failed at, if it is one. */
export function commonFailure(runs: Pick<Run, 'error'>[]): { node: string; code: string } | null {
  const error = runs[0]?.error;
  if (!error?.node) return null;
  const node = withoutIterations(error.node);
  const same = runs.every((run) => run.error?.code === error.code && withoutIterations(run.error.node ?? '') === node);
  return same ? { node, code: error.code } : null;
}
