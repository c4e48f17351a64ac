import { type Flow, flowOf, type Link } from './flow';
import { keysOf } from './keys';
import { ordered } from './order';
import { placed } from './place';
import { reduced } from './reduce';
import { rowsOf } from './rows';
import {
  CONTAINER_PADDING,
  CONTAINER_TOP,
  containerSize,
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
  const branches = new Map(
    outline.nodes.filter((node) => node.branches.length > 0).map((node) => [node.id, node.branches]),
  );
  body(null, { flow, links, sizes, boxes, branches });
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

type Work = {
  flow: Flow;
  links: Link[];
  sizes: Map<string, Size>;
  boxes: Map<string, Box>;
  branches: Map<string, string[]>;
};

/** Places the nodes of a list, those inside them first. Returns how large the list is. */
function body(parent: string | null, work: Work): Size | null {
  const ids = work.flow.bodies.get(parent)?.filter((id) => id !== INPUT && id !== OUTPUT);
  if (!ids) return null;
  for (const id of ids) {
    const inner = body(id, work);
    if (inner) work.sizes.set(id, containerSize(inner));
  }
  const rows = rowsOf(ids, work.links);
  const { spots, size } = placed(ordered(ids, rows, work.links, work.branches), (id) => work.sizes.get(id));
  const offset = parent === null ? { x: 0, y: 0 } : { x: CONTAINER_PADDING, y: CONTAINER_TOP };
  for (const id of ids) {
    const { width, height } = work.sizes.get(id) ?? { width: 0, height: 0 };
    const { x, y } = spots.get(id) ?? { x: 0, y: 0 };
    work.boxes.set(id, { id, parent, width, height, x: x + offset.x, y: y + offset.y });
  }
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
