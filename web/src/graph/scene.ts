import type { Rect } from './geometry';
import { keysOf } from './keys';
import type { Box, Layout } from './layout';
import type { Positions } from './positions';
import { INPUT, type NodeMark, type NodeRun, OUTPUT, type Outline, type OutlineNode } from './types';

/** Boxes in the coordinates of the drawing, with what the user has moved. */
export function placed(layout: Layout, moved: Positions): Map<string, Rect> {
  const rects = new Map<string, Rect>();
  for (const box of layout.boxes.values()) {
    const { x, y } = moved[box.id] ?? box;
    const parent = box.parent === null ? undefined : rects.get(box.parent);
    rects.set(box.id, { x: x + (parent?.x ?? 0), y: y + (parent?.y ?? 0), width: box.width, height: box.height });
  }
  return rects;
}

export function boundsOf(rects: Iterable<Rect>): Rect {
  const all = [...rects];
  if (all.length === 0) return { x: 0, y: 0, width: 1, height: 1 };
  const x = Math.min(...all.map((rect) => rect.x));
  const y = Math.min(...all.map((rect) => rect.y));
  const right = Math.max(...all.map((rect) => rect.x + rect.width));
  const bottom = Math.max(...all.map((rect) => rect.y + rect.height));
  return { x, y, width: right - x, height: bottom - y };
}

/** The containers around a box, from the inside. */
export function containersOf(layout: Layout, id: string): string[] {
  const around: string[] = [];
  for (let box = layout.boxes.get(id); box?.parent; box = layout.boxes.get(box.parent)) around.push(box.parent);
  return around;
}

/** What a drawn node shows. */
export type NodeData = {
  [key: string]: unknown;
  id: string;
  /** Null for the gates. */
  node: OutlineNode | null;
  outline: Outline;
  isContainer: boolean;
  run: NodeRun | undefined;
  /** States of a run are shown, so that a node without one was not reached. */
  hasRun: boolean;
  badge: string | undefined;
  mark: NodeMark | undefined;
  isSelected: boolean;
};

export type Decor = {
  selected: string | null;
  states?: Record<string, NodeRun>;
  badges?: Record<string, string>;
  marks?: Record<string, NodeMark>;
};

export type DrawnNode = {
  id: string;
  type: 'step' | 'gate' | 'container';
  box: Box;
  data: NodeData;
};

/** The boxes with what they show, a container before what it holds. */
export function drawnNodes(outline: Outline, layout: Layout, decor: Decor): DrawnNode[] {
  const byKey = new Map([...keysOf(outline)].map(([node, key]) => [key, node]));
  const holds = new Set([...layout.boxes.values()].map((box) => box.parent));
  return [...layout.boxes.values()].map((box) => {
    const node = byKey.get(box.id) ?? null;
    const isContainer = node !== null && (holds.has(box.id) || node.kind === 'loop' || node.kind === 'parallel');
    const isGate = box.id === INPUT || box.id === OUTPUT;
    const data: NodeData = {
      id: box.id,
      node,
      outline,
      isContainer,
      run: decor.states?.[box.id],
      hasRun: decor.states !== undefined,
      badge: decor.states?.[box.id]?.badge ?? decor.badges?.[box.id],
      mark: decor.marks?.[box.id],
      isSelected: decor.selected === box.id,
    };
    return { id: box.id, type: isGate ? 'gate' : isContainer ? 'container' : 'step', box, data };
  });
}

/** Keeps the objects of nodes that show the same as before, so that React does not draw them again. */
export function reused(before: Map<string, DrawnNode>, now: DrawnNode[]): DrawnNode[] {
  return now.map((node) => {
    const old = before.get(node.id);
    return old && isSame(old, node) ? old : node;
  });
}

function isSame(a: DrawnNode, b: DrawnNode): boolean {
  const same = (x: object, y: object) => x === y || JSON.stringify(x) === JSON.stringify(y);
  const { outline: _a, node: nodeA, run: runA, ...restA } = a.data;
  const { outline: _b, node: nodeB, run: runB, ...restB } = b.data;
  if (a.type === 'gate' && a.data.outline !== b.data.outline) return false;
  return same(a.box, b.box) && same(restA, restB) && same(nodeA ?? {}, nodeB ?? {}) && same(runA ?? {}, runB ?? {});
}
