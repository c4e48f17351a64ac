import type { Box, Layout } from './layout';

export type Direction = 'up' | 'down' | 'left' | 'right';

/**
 * Where an arrow key leads: up and down along the lines, and through a container's body between its head and what follows
 * it; left and right among the boxes of the same row.
 */
export function stepFrom(layout: Layout, from: string, direction: Direction): string | null {
  const box = layout.boxes.get(from);
  if (!box) return null;
  if (direction === 'down') return into(layout, from) ?? below(layout, box);
  if (direction === 'up') return above(layout, box);
  return beside(layout, box, direction);
}

const bodyOf = (layout: Layout, container: string) =>
  [...layout.boxes.values()].filter((box) => box.parent === container);

function into(layout: Layout, container: string): string | null {
  return topmost(bodyOf(layout, container));
}

function below(layout: Layout, box: Box): string | null {
  const next = layout.links.filter((link) => link.from === box.id).map((link) => layout.boxes.get(link.to));
  const found = topmost(next);
  if (found || box.parent === null) return found;
  const container = layout.boxes.get(box.parent);
  return container ? below(layout, container) : null;
}

function above(layout: Layout, box: Box): string | null {
  const before = layout.links.filter((link) => link.to === box.id).map((link) => layout.boxes.get(link.from));
  return topmost(before) ?? box.parent;
}

function beside(layout: Layout, box: Box, direction: 'left' | 'right'): string | null {
  const sign = direction === 'right' ? 1 : -1;
  const row = [...layout.boxes.values()].filter(
    (other) =>
      other.parent === box.parent &&
      (other.x - box.x) * sign > 0 &&
      other.y < box.y + box.height &&
      other.y + other.height > box.y,
  );
  row.sort((a, b) => (a.x - b.x) * sign);
  return row[0]?.id ?? null;
}

/** Of several, the highest, and of those the leftmost. */
function topmost(boxes: (Box | undefined)[]): string | null {
  const known = boxes.filter((box) => box !== undefined);
  known.sort((a, b) => a.y - b.y || a.x - b.x);
  return known[0]?.id ?? null;
}
