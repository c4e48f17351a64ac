/** Two runs side by side, node by node. */
import type { NodeTrace } from '../api/runs';

export type Difference = 'none' | 'status' | 'output' | 'only-left' | 'only-right';
export type Pair = {
  node: string;
  kind: string;
  left: NodeTrace | null;
  right: NodeTrace | null;
  difference: Difference;
};

export function pairNodes(left: NodeTrace[], right: NodeTrace[]): Pair[] {
  const others = new Map(right.map((node) => [node.node, node]));
  const pairs = left.map((node) => pair(node, others.get(node.node) ?? null));
  const known = new Set(left.map(({ node }) => node));
  return [...pairs, ...right.filter(({ node }) => !known.has(node)).map((node) => pair(null, node))];
}

function pair(left: NodeTrace | null, right: NodeTrace | null): Pair {
  return {
    node: (left ?? right)?.node ?? '',
    kind: (left ?? right)?.kind ?? '',
    left,
    right,
    difference: difference(left, right),
  };
}

function difference(left: NodeTrace | null, right: NodeTrace | null): Difference {
  if (!left) return 'only-right';
  if (!right) return 'only-left';
  if (left.status !== right.status) return 'status';
  return canonical(left.output) === canonical(right.output) ? 'none' : 'output';
}

/** JSON with the keys in order, so that equal values are equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
