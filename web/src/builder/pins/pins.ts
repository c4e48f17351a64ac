/** Outputs of a run, given instead of made: nodes by their id. Kept in the tab, since they may be private. */
import { readValue, writeValue } from '../../api/storage';

export type Pins = { run: { id: string; at: string } | null; outputs: Record<string, unknown> };

export const NO_PINS: Pins = { run: null, outputs: {} };

const PREFIX = 'flowgate.pins.';

export const readPins = (workflow: string): Pins => ({ ...NO_PINS, ...readValue<Pins>('tab', PREFIX + workflow) });
export const writePins = (workflow: string, pins: Pins) => writeValue('tab', PREFIX + workflow, pins);

export function without(pins: Pins, node: string): Pins {
  const { [node]: _, ...outputs } = pins.outputs;
  return { ...pins, outputs };
}

type TraceNode = { node: string; status: string | null; output: unknown };

/** The outputs of a run's nodes outside of loops, which alone can be pinned. */
export function pinsOf(nodes: TraceNode[]): Record<string, unknown> {
  const isPlain = (id: string) => !/[/[]/.test(id) && id !== 'api' && id !== 'output';
  const made = nodes.filter(({ node, status, output }) => isPlain(node) && status === 'succeeded' && output != null);
  return Object.fromEntries(made.map(({ node, output }) => [node, output]));
}

/**
 * What to send for running a part. "This node" runs what it needs and nothing after it; "from here" makes this node and
 * what follows it anew, and takes the rest from the pins.
 */
export function part(pins: Pins, node: string, following: Set<string>, how: 'node' | 'from') {
  const kept = Object.entries(pins.outputs).filter(([id]) => id !== node && !(how === 'from' && following.has(id)));
  return { pins: Object.fromEntries(kept), ...(how === 'node' ? { until: node } : {}) };
}

/** Everything that runs after a node, by the edges of an outline. */
export function followers(edges: { from: string; to: string }[], node: string): Set<string> {
  const found = new Set<string>();
  const open = [node];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const { from, to } of edges) {
      if (from !== id || found.has(to)) continue;
      found.add(to);
      open.push(to);
    }
  }
  return found;
}
