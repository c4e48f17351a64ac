import type { Rect } from './geometry';

/** A line that needs a place at the edges of its boxes. */
export type Ported = { id: string; from: string; to: string; branch: string | null };

export type Ports = Map<string, { start: number; end: number }>;

/**
 * Where lines leave and enter: spread over the edge of a box in the order of the boxes at their other end, so that they do
 * not cross. A branch leaves below its own cell.
 */
export function portsOf(lines: Ported[], boxes: Map<string, Rect>, branches: Map<string, string[]>): Ports {
  const starts = spread(lines, boxes, 'from', 'to');
  const ends = spread(lines, boxes, 'to', 'from');
  return new Map(
    lines.map((line) => {
      const own = branchPort(line, boxes.get(line.from), branches.get(line.from));
      return [line.id, { start: own ?? starts.get(line.id) ?? 0, end: ends.get(line.id) ?? 0 }];
    }),
  );
}

function branchPort({ branch }: Ported, box?: Rect, branches?: string[]): number | null {
  const index = branch === null ? -1 : (branches?.indexOf(branch) ?? -1);
  if (!box || !branches || index < 0) return null;
  return Math.round(box.x + (box.width * (index + 0.5)) / branches.length);
}

function spread(lines: Ported[], boxes: Map<string, Rect>, at: 'from' | 'to', other: 'from' | 'to') {
  const byBox = new Map<string, Ported[]>();
  for (const line of lines) byBox.set(line[at], [...(byBox.get(line[at]) ?? []), line]);
  const places = new Map<string, number>();
  for (const [id, group] of byBox) {
    const box = boxes.get(id);
    if (!box) continue;
    const center = (line: Ported) => {
      const rect = boxes.get(line[other]);
      return rect ? rect.x + rect.width / 2 : 0;
    };
    const sorted = [...group].sort((a, b) => center(a) - center(b));
    sorted.forEach((line, index) => {
      places.set(line.id, Math.round(box.x + (box.width * (index + 1)) / (sorted.length + 1)));
    });
  }
  return places;
}
