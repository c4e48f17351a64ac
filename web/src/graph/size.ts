import type { Outline, OutlineNode } from './types';

/** Sizes in pixels at 100 %, which the stylesheet of the nodes repeats. */
export const GAP_DOWN = 30;
export const GAP_ACROSS = 40;
export const CONTAINER_HEAD = 34;
export const CONTAINER_TOP = 42;
export const CONTAINER_PADDING = 16;
const NODE = { width: 224, height: 48 };
const TOOLS_HEIGHT = 28;
const TOOLS = { inset: 58, gap: 6, icon: 27, letter: 6.2, widest: 420 };
const BRANCHES_HEIGHT = 26;
const BRANCH_WIDTH = 84;
const GATE = { width: 300, head: 40, row: 24 };

/** More fields than these are counted, not listed. */
export const MAX_GATE_ROWS = 12;
export const MAX_TOOLS = 3;

export type Size = { width: number; height: number };

/** How large a node is that holds no others. */
export function sizeOf(node: OutlineNode): Size {
  if (node.branches.length > 0) {
    const width = Math.max(NODE.width + 28, node.branches.length * BRANCH_WIDTH);
    return { width, height: NODE.height + BRANCHES_HEIGHT };
  }
  if (node.tools.length > 0) return { width: toolsWidth(node), height: NODE.height + TOOLS_HEIGHT };
  return NODE;
}

/** Wide enough for the names of the tools that are shown, as far as it goes. */
function toolsWidth({ tools }: OutlineNode): number {
  const shown = tools.slice(0, MAX_TOOLS).map((tool) => TOOLS.icon + tool.name.length * TOOLS.letter + TOOLS.gap);
  const more = tools.length > MAX_TOOLS ? TOOLS.icon + TOOLS.gap : 0;
  const wanted = TOOLS.inset + more + shown.reduce((sum, width) => sum + width, 0);
  return Math.round(Math.min(TOOLS.widest, Math.max(NODE.width + 40, wanted)) / 2) * 2;
}

export function gateSize(rows: number): Size {
  const shown = rows > MAX_GATE_ROWS ? MAX_GATE_ROWS + 1 : rows;
  return { width: GATE.width, height: GATE.head + shown * GATE.row };
}

export const inputSize = (outline: Outline) => gateSize(outline.inputs.length);
export const outputSize = (outline: Outline) => gateSize(outline.outputs.length);

/** A container around a body of this size. An empty one has room for a sentence. */
export function containerSize(body: Size | null): Size {
  const inner = body ?? { width: NODE.width, height: NODE.height };
  return {
    width: inner.width + 2 * CONTAINER_PADDING,
    height: CONTAINER_TOP + inner.height + CONTAINER_PADDING,
  };
}
