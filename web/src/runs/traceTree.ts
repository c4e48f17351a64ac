/**
 * The nodes of a trace as a tree. Paths say where a node is: `research[1]/search` is in an iteration, `minutes/lines` in a
 * workflow that runs as a node, `helper/turn1.tool0/lines` in a workflow that is an agent's tool.
 */
import type { NodeTrace } from '../api/runs';

export type TraceTree = {
  top: NodeTrace[];
  /** Nodes by the path of what holds them: `research[1]`, `minutes`, `helper/turn1.tool0`. */
  inside: Map<string, NodeTrace[]>;
  /** The iterations of a container, by its path, in order. */
  iterations: Map<string, number[]>;
};

export const scopeOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
/** The id that the document has for a node: without its iteration and what holds it. */
export const idOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
/** A path without iterations, as errors and filters name nodes. */
export const withoutIterations = (path: string) => path.replace(/\[\d+\]/g, '');

/** The path of the node that the run failed at; the run's error names it without its iteration. */
export function failedPath(nodes: Pick<NodeTrace, 'node' | 'status'>[], name: string | undefined): string | null {
  const isNamed = ({ node }: { node: string }) => withoutIterations(node) === name || idOf(node) === name;
  const exact = nodes.find(({ node }) => node === name);
  return (exact ?? nodes.find((node) => node.status === 'failed' && isNamed(node)))?.node ?? null;
}

export function traceTree(nodes: NodeTrace[], order: (path: string) => number): TraceTree {
  const tree: TraceTree = { top: [], inside: new Map(), iterations: new Map() };
  const place = new Map(nodes.map((node, index) => [node, order(node.node) * 1e6 + index]));
  const inOrder = nodes.toSorted((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
  for (const node of inOrder) {
    const scope = scopeOf(node.node);
    if (!scope) {
      tree.top.push(node);
      continue;
    }
    const held = tree.inside.get(scope);
    if (held) held.push(node);
    else tree.inside.set(scope, [node]);
    addIteration(tree, scope);
  }
  for (const list of tree.iterations.values()) list.sort((a, b) => a - b);
  return tree;
}

function addIteration(tree: TraceTree, scope: string) {
  const match = /^(.*)\[(\d+)\]$/.exec(scope);
  if (!match?.[1]) return;
  const known = tree.iterations.get(match[1]) ?? [];
  const iteration = Number(match[2]);
  if (!known.includes(iteration)) tree.iterations.set(match[1], [...known, iteration]);
}

/** All nodes below a scope, at any depth. */
export function below(tree: TraceTree, scope: string): NodeTrace[] {
  return (tree.inside.get(scope) ?? []).flatMap((node) => [node, ...belowNode(tree, node)]);
}

export function belowNode(tree: TraceTree, node: NodeTrace): NodeTrace[] {
  const iterations = (tree.iterations.get(node.node) ?? []).flatMap((i) => below(tree, `${node.node}[${i}]`));
  const calls = node.calls.flatMap(({ call }) => (call ? below(tree, `${node.node}/${call}`) : []));
  return [...iterations, ...below(tree, node.node), ...calls];
}
