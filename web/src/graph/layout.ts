import { Graph, layout as place } from '@dagrejs/dagre';
import { type Flow, flowOf, type Link } from './flow';
import { keysOf } from './keys';
import { reduced } from './reduce';
import {
  CONTAINER_PADDING,
  CONTAINER_TOP,
  containerSize,
  GAP_ACROSS,
  GAP_DOWN,
  inputSize,
  outputSize,
  type Size,
  sizeOf,
} from './size';
import { INPUT, OUTPUT, type Outline } from './types';

export type Box = Size & {
  id: string;
  /** Within the container. */
  x: number;
  y: number;
  parent: string | null;
};

export type Layout = {
  /** A container stands before what it holds. */
  boxes: Map<string, Box>;
  /** The lines at rest. */
  links: Link[];
};

/** Lays a workflow out from the inside: a body first, then its container as one box of that size. */
export function layoutOf(outline: Outline): Layout {
  const flow = flowOf(outline);
  const links = reduced(flow.links);
  const sizes = sizesOf(outline);
  const boxes = new Map<string, Box>();
  body(null, { flow, links, sizes, boxes });
  const order = [INPUT, ...keysOf(outline).values(), OUTPUT];
  return { boxes: new Map(order.flatMap((id) => pair(id, boxes.get(id)))), links };
}

const pair = (id: string, box: Box | undefined): [string, Box][] => (box ? [[id, box]] : []);

function sizesOf(outline: Outline): Map<string, Size> {
  const sizes = new Map<string, Size>([
    [INPUT, inputSize(outline)],
    [OUTPUT, outputSize(outline)],
  ]);
  for (const [node, key] of keysOf(outline)) sizes.set(key, sizeOf(node));
  for (const node of outline.nodes) {
    if (isContainer(node.kind)) sizes.set(node.id, containerSize(null));
  }
  return sizes;
}

/** Containers are drawn around their bodies, also where those are empty. */
export const isContainer = (kind: string) => kind === 'loop' || kind === 'parallel';

type Work = { flow: Flow; links: Link[]; sizes: Map<string, Size>; boxes: Map<string, Box> };

/** Places the nodes of a list, those inside them first. Returns how large the list is. */
function body(parent: string | null, work: Work): Size | null {
  const ids = work.flow.bodies.get(parent)?.filter((id) => id !== INPUT && id !== OUTPUT);
  if (!ids) return null;
  for (const id of ids) {
    const inner = body(id, work);
    if (inner) work.sizes.set(id, containerSize(inner));
  }
  const graph = graphOf(ids, work);
  place(graph);
  const offset = parent === null ? { x: 0, y: 0 } : { x: CONTAINER_PADDING, y: CONTAINER_TOP };
  for (const id of ids) {
    const { x, y, width, height } = graph.node(id) as Box;
    const left = Math.round(x - width / 2) + offset.x;
    work.boxes.set(id, { id, parent, width, height, x: left, y: Math.round(y - height / 2) + offset.y });
  }
  const { width, height } = ids.length > 0 ? (graph.graph() as Size) : { width: 0, height: 0 };
  const size = { width: Math.ceil(width), height: Math.ceil(height) };
  if (parent === null) gates(size, work);
  return size;
}

/**
 * The gates stand above and below everything, in the middle of what they lead to. Laid out with the rest, the lines
 * between them and every row would stretch the drawing, and take most of the time.
 */
function gates(size: Size, { links, sizes, boxes }: Work) {
  const center = (neighbours: string[]) => {
    const found = neighbours.flatMap((id) => boxes.get(id) ?? []);
    if (found.length === 0) return size.width / 2;
    return found.reduce((sum, box) => sum + box.x + box.width / 2, 0) / found.length;
  };
  const add = (id: string, middle: number, y: (height: number) => number) => {
    const { width, height } = sizes.get(id) ?? { width: 0, height: 0 };
    boxes.set(id, { id, parent: null, width, height, x: Math.round(middle - width / 2), y: y(height) });
  };
  const below = links.filter((link) => link.from === INPUT && link.to !== OUTPUT).map((link) => link.to);
  const above = links.filter((link) => link.to === OUTPUT && link.from !== INPUT).map((link) => link.from);
  add(INPUT, center(below), (height) => -GAP_DOWN - height);
  add(OUTPUT, center(above), () => (size.height > 0 ? size.height + GAP_DOWN : 0));
}

function graphOf(ids: string[], { links, sizes }: Work): Graph {
  const graph = new Graph({ multigraph: true });
  const gaps = { ranksep: GAP_DOWN, nodesep: GAP_ACROSS, edgesep: 24 };
  graph.setGraph({ ...gaps, rankdir: 'TB', ranker: 'tight-tree', rankalign: 'top' });
  const known = new Set(ids);
  for (const id of ids) graph.setNode(id, { ...(sizes.get(id) ?? { width: 0, height: 0 }) });
  for (const { from, to, branch } of links) {
    if (known.has(from) && known.has(to)) graph.setEdge(from, to, {}, branch ?? undefined);
  }
  return graph;
}
