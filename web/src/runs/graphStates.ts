/** What a run did to the nodes of its document, for the graph. Iterations of a container are shown one by one, or together. */
import type { NodeTrace } from '../api/runs';
import type { NodeRun, Outline } from '../graph/types';
import { formatCost, formatDuration } from '../ui/format';
import type { State } from '../ui/Status';
import { idOf } from './traceTree';
import { stateOf } from './waterfall';

export type Badge = 'duration' | 'cost' | 'tokens';
/** The iteration of a container that is shown, by the container's id; null or nothing: all together. */
export type Shown = Record<string, number | null>;

export function graphStates(
  nodes: NodeTrace[],
  outline: Outline,
  options: { badge: Badge; shown: Shown; over: boolean; onShow: (id: string, iteration: number | null) => void },
): Record<string, NodeRun> {
  const states: Record<string, NodeRun> = {};
  const ids = ['api', ...outline.nodes.map(({ id }) => id), 'output'];
  for (const id of ids) {
    const own = visible(nodes, id, options.shown);
    const state = together(own, options.over);
    if (!state) continue;
    const count = iterations(nodes, id);
    states[id] = {
      state,
      ...(badgeOf(own, options.badge) ? { badge: badgeOf(own, options.badge) } : {}),
      ...(count > 1
        ? {
            iterations: {
              count,
              shown: options.shown[id] ?? null,
              onShow: (iteration) => options.onShow(id, iteration),
            },
          }
        : {}),
    };
  }
  return states;
}

/** The nodes of the trace that have an id, in the iterations that are shown. Of workflows that ran inside there are none. */
function visible(nodes: NodeTrace[], id: string, shown: Shown): NodeTrace[] {
  return nodes.filter(({ node }) => {
    if (idOf(node) !== id) return false;
    const scopes = node.split('/').slice(0, -1);
    return scopes.every((scope) => {
      const match = /^(.*)\[(\d+)\]$/.exec(scope);
      const wanted = match?.[1] ? shown[match[1]] : undefined;
      return match !== null && (wanted === undefined || wanted === null || wanted === Number(match[2]));
    });
  });
}

/** The path of a node of the trace for an id: a failed one before others. */
export function pathFor(nodes: NodeTrace[], id: string, shown: Shown): string | null {
  const own = visible(nodes, id, shown);
  return (own.find(({ status }) => status === 'failed') ?? own[0])?.node ?? null;
}

/** States that win over others where iterations differ, the strongest first. */
const ORDER: State[] = ['failed', 'running', 'waiting', 'cancelled', 'succeeded', 'pending', 'skipped'];

function together(nodes: NodeTrace[], over: boolean): State | null {
  const states = nodes.map(stateOf);
  return ORDER.find((state) => states.includes(state)) ?? (over ? 'skipped' : null);
}

function iterations(nodes: NodeTrace[], id: string): number {
  const found = new Set<string>();
  for (const { node } of nodes) {
    for (const scope of node.split('/').slice(0, -1)) if (scope.startsWith(`${id}[`)) found.add(scope);
  }
  return found.size;
}

const summed = (values: (number | null)[]) =>
  values.some((value) => value !== null) ? values.reduce<number>((all, value) => all + (value ?? 0), 0) : null;

function badgeOf(nodes: NodeTrace[], badge: Badge): string | undefined {
  const value = summed(
    nodes.map((node) =>
      badge === 'duration' ? node.duration_ms : badge === 'cost' ? node.cost_nano_usd : node.tokens,
    ),
  );
  if (value === null || (badge === 'duration' && value < 1)) return undefined;
  return badge === 'duration'
    ? formatDuration(value)
    : badge === 'cost'
      ? formatCost(value)
      : value.toLocaleString('en-US');
}
