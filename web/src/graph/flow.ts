import { keysOf } from './keys';
import { INPUT, OUTPUT, type Outline } from './types';

/** A line from one box to another in the same list of nodes. */
export type Link = { from: string; to: string; branch: string | null };

/** The lists of nodes of a workflow, by their container (null: the workflow itself), and what follows what in each. */
export type Flow = { bodies: Map<string | null, string[]>; parents: Map<string, string | null>; links: Link[] };

/**
 * Every edge as a line between boxes of one list: an edge into a container's body leads to the container. What reads
 * nothing hangs below the input and what nothing reads above the output, since a run begins and ends there.
 */
export function flowOf(outline: Outline): Flow {
  const { bodies, parents } = listsOf(outline);
  const lift = lifter(parents);
  const links = new Map<string, Link>();
  const add = (link: Link) => links.set(`${link.from}\n${link.to}\n${link.branch ?? ''}`, link);
  for (const edge of outline.edges) {
    if (!parents.has(edge.from) || !parents.has(edge.to)) continue;
    const [from, to] = lift(edge.from, edge.to);
    if (from !== to) add({ from, to, branch: edge.branch });
  }
  const remarks = new Set(outline.nodes.filter((node) => node.kind === 'note').map((node) => node.id));
  for (const link of hanging(bodies.get(null) ?? [], [...links.values()], remarks)) add(link);
  return { bodies, parents, links: withoutDoubles([...links.values()]) };
}

/** Where a branch leads to a box, another line from the same node says nothing more. */
function withoutDoubles(links: Link[]): Link[] {
  const pairs = new Set(links.filter((link) => link.branch !== null).map(({ from, to }) => `${from}\n${to}`));
  return links.filter((link) => link.branch !== null || !pairs.has(`${link.from}\n${link.to}`));
}

function listsOf(outline: Outline) {
  const keys = keysOf(outline);
  const bodies = new Map<string | null, string[]>([[null, [INPUT]]]);
  const parents = new Map<string, string | null>([
    [INPUT, null],
    [OUTPUT, null],
  ]);
  for (const [node, key] of keys) {
    const parent = node.parent !== null && parents.has(node.parent) ? node.parent : null;
    parents.set(key, parent);
    bodies.set(parent, [...(bodies.get(parent) ?? []), key]);
  }
  bodies.get(null)?.push(OUTPUT);
  return { bodies, parents };
}

/** Returns the boxes around two nodes that stand in the same list. */
function lifter(parents: Map<string, string | null>) {
  const around = (node: string) => {
    const boxes = [node];
    for (let box = parents.get(node); box; box = parents.get(box)) boxes.push(box);
    return boxes.reverse();
  };
  return (from: string, to: string): [string, string] => {
    const [a, b] = [around(from), around(to)];
    let depth = 0;
    while (depth < a.length - 1 && depth < b.length - 1 && a[depth] === b[depth]) depth += 1;
    return [a[depth] as string, b[depth] as string];
  };
}

function hanging(nodes: string[], links: Link[], remarks: Set<string>): Link[] {
  const entered = new Set(links.map((link) => link.to));
  const left = new Set(links.map((link) => link.from));
  const steps = nodes.filter((node) => node !== INPUT && node !== OUTPUT && !remarks.has(node));
  if (steps.length === 0) return [{ from: INPUT, to: OUTPUT, branch: null }];
  return steps.flatMap((node) => [
    ...(entered.has(node) ? [] : [{ from: INPUT, to: node, branch: null }]),
    ...(left.has(node) ? [] : [{ from: node, to: OUTPUT, branch: null }]),
  ]);
}
