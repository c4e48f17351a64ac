import type { Ordered, Slot } from './order';
import { GAP_ACROSS, GAP_DOWN, type Size } from './size';

const LINE_GAP = 24;
/** The last pass goes down: what follows stands below what it follows. */
const PASSES = 13;

export type Placed = { spots: Map<string, { x: number; y: number }>; size: Size };

/** Gives every node of ordered rows its place: in the middle of what it hangs together with, as far as others let it. */
export function placed({ rows, above, below }: Ordered, sizeOf: (id: string) => Size | undefined): Placed {
  const width = (slot: Slot) => (slot.isLine ? 0 : (sizeOf(slot.id)?.width ?? 0));
  const centers = new Map<string, number>();
  for (const row of rows) settle(row, () => 0, width, centers);
  for (let pass = 0; pass < PASSES; pass += 1) {
    const isDown = pass % 2 === 0;
    for (const row of isDown ? rows : [...rows].reverse()) {
      const hanging = isDown ? above : below;
      const wanted = (slot: Slot) => mean(hanging.get(slot.id), centers) ?? centers.get(slot.id) ?? 0;
      settle(row, wanted, width, centers);
    }
  }
  return cornered(rows, sizeOf, centers);
}

function mean(ids: string[] | undefined, centers: Map<string, number>): number | null {
  const found = (ids ?? []).flatMap((id) => centers.get(id) ?? []);
  return found.length === 0 ? null : found.reduce((sum, center) => sum + center, 0) / found.length;
}

type Block = { slots: Slot[]; offsets: number[]; sum: number; weight: number };

/**
 * Moves the slots of a row as near to where they want to be as their order and gaps allow: neighbours that would overlap
 * become one block, which goes to the mean of what its members want (pool adjacent violators).
 */
function settle(
  row: Slot[],
  wanted: (slot: Slot) => number,
  width: (slot: Slot) => number,
  centers: Map<string, number>,
) {
  const blocks: Block[] = [];
  for (const slot of row) {
    // A line that bends is uglier than a node that stands a little aside.
    const weight = slot.isLine ? 2 : 1;
    let block: Block = { slots: [slot], offsets: [0], sum: wanted(slot) * weight, weight };
    for (let last = blocks.at(-1); last && overlaps(last, block, width); last = blocks.at(-1)) {
      blocks.pop();
      block = joined(last, block, width);
    }
    blocks.push(block);
  }
  for (const block of blocks) {
    block.slots.forEach((slot, index) => {
      centers.set(slot.id, block.sum / block.weight + (block.offsets[index] ?? 0));
    });
  }
}

const gap = (a: Slot, b: Slot, width: (slot: Slot) => number) =>
  (width(a) + width(b)) / 2 + (a.isLine || b.isLine ? LINE_GAP : GAP_ACROSS);

/** How far the last slot of one block and the first of the next stand apart at least. */
function between(a: Block, b: Block, width: (slot: Slot) => number): number {
  const [last, first] = [a.slots.at(-1), b.slots[0]];
  return last && first ? (a.offsets.at(-1) ?? 0) + gap(last, first, width) : 0;
}

const overlaps = (a: Block, b: Block, width: (slot: Slot) => number) =>
  b.sum / b.weight - a.sum / a.weight < between(a, b, width);

function joined(a: Block, b: Block, width: (slot: Slot) => number): Block {
  const shift = between(a, b, width);
  return {
    slots: [...a.slots, ...b.slots],
    offsets: [...a.offsets, ...b.offsets.map((offset) => offset + shift)],
    sum: a.sum + b.sum - shift * b.weight,
    weight: a.weight + b.weight,
  };
}

/** Upper left corners, from 0 on, rows below each other. */
function cornered(rows: Slot[][], sizeOf: (id: string) => Size | undefined, centers: Map<string, number>): Placed {
  const spots = new Map<string, { x: number; y: number }>();
  let y = 0;
  for (const row of rows) {
    let height = 0;
    for (const { id, isLine } of row) {
      if (isLine) continue;
      const size = sizeOf(id) ?? { width: 0, height: 0 };
      spots.set(id, { x: (centers.get(id) ?? 0) - size.width / 2, y });
      height = Math.max(height, size.height);
    }
    y += height + GAP_DOWN;
  }
  const left = Math.min(...[...spots.values()].map(({ x }) => x));
  let width = 0;
  for (const [id, spot] of spots) {
    spot.x = Math.round(spot.x - left);
    width = Math.max(width, spot.x + (sizeOf(id)?.width ?? 0));
  }
  return { spots, size: { width, height: Math.max(0, y - GAP_DOWN) } };
}
