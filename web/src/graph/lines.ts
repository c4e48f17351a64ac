import type { Link } from './flow';
import { type Point, type Rect, roundedPath } from './geometry';
import { portsOf } from './ports';
import { route } from './route';
import type { NodeRun, Outline } from './types';

export type Tone = 'rest' | 'error' | 'near' | 'far' | 'reached' | 'failed' | 'live' | 'dead';

/** One line as it is drawn. */
export type Line = {
  id: string;
  from: string;
  to: string;
  tone: Tone;
  label: string | null;
  path: string;
  end: Point;
  labelAt: Point;
  bounds: Rect;
};

type Wanted = { id: string; from: string; to: string; branch: string | null; tone: Tone; label: string | null };

export type Scene = {
  outline: Outline;
  links: Link[];
  /** In the coordinates of the drawing, by node. */
  boxes: Map<string, Rect>;
  /** By node: the containers around it, which a line to it may cross. */
  around: (id: string) => string[];
  selected: string | null;
  states: Record<string, NodeRun> | undefined;
};

/** The lines of a drawing: those at rest, and everything that the selected node reads. */
export function linesOf(scene: Scene): Line[] {
  const wanted = wantedOf(scene);
  const branches = new Map(scene.outline.nodes.map((node) => [node.id, node.branches]));
  const ports = portsOf(wanted, scene.boxes, branches);
  return wanted.flatMap((line) => {
    const [from, to, port] = [scene.boxes.get(line.from), scene.boxes.get(line.to), ports.get(line.id)];
    if (!from || !to || !port) return [];
    const start = { x: port.start, y: from.y + from.height };
    // A node that alone leads to another stands straight above it, give or take a pixel.
    const end = { x: Math.abs(port.end - port.start) < 3 ? port.start : port.end, y: to.y };
    return [drawn(line, route(start, end, obstacles(scene, line)), [...scene.boxes.values()])];
  });
}

function wantedOf({ links, outline, selected, states, around }: Scene): Wanted[] {
  const read =
    selected === null
      ? []
      : references(outline, selected, links).filter(({ from }) => !around(from).includes(selected ?? ''));
  const shown = new Set(read.map((line) => `${line.from}\n${line.to}`));
  const rest = links
    .filter((link) => !shown.has(`${link.from}\n${link.to}`))
    .map((link) => ({ ...link, ...restLook(link, states), id: `${link.from}>${link.to}>${link.branch ?? ''}` }));
  return [...rest, ...read];
}

function restLook(link: Link, states: Record<string, NodeRun> | undefined): { tone: Tone; label: string | null } {
  const label = link.branch === 'error' ? 'on error' : null;
  if (!states) return { tone: label ? 'error' : 'rest', label };
  const [from, to] = [states[link.from]?.state, states[link.to]?.state];
  if (to === undefined || to === 'skipped' || to === 'pending' || to === 'cancelled') return { tone: 'dead', label };
  if (from === 'skipped' || from === undefined) return { tone: 'dead', label };
  if (from === 'failed' && !label) return { tone: 'dead', label };
  if (to === 'running' || to === 'waiting') return { tone: 'live', label };
  return { tone: label ? 'failed' : 'reached', label };
}

/** What a node reads, one line for each node that it reads of. It is near where a line stands at rest too. */
function references(outline: Outline, selected: string, links: Link[]): Wanted[] {
  const bySource = new Map<string, { paths: string[]; branch: string | null }>();
  for (const edge of outline.edges) {
    if (edge.to !== selected) continue;
    const group = bySource.get(edge.from) ?? { paths: [], branch: edge.branch };
    if (edge.reference && !group.paths.includes(edge.reference)) group.paths.push(edge.reference);
    bySource.set(edge.from, group);
  }
  const near = new Set(links.map((link) => `${link.from}\n${link.to}`));
  return [...bySource].map(([from, { paths, branch }]) => ({
    id: `${from}>${selected}>reads`,
    from,
    to: selected,
    branch,
    tone: branch === 'error' ? 'error' : near.has(`${from}\n${selected}`) ? 'near' : 'far',
    label: labelOf(paths, branch),
  }));
}

function labelOf(paths: string[], branch: string | null): string | null {
  const cause = branch === 'error' ? 'on error' : branch;
  if (paths.length === 0) return cause;
  const text = (branch === 'error' ? 'on error: ' : '') + paths.slice(0, 3).join(', ');
  const more = paths.length > 3 ? `${text} +${paths.length - 3}` : text;
  return more.length > 32 ? `${more.slice(0, 31)}…` : more;
}

function obstacles({ boxes, around }: Scene, { from, to }: Wanted): Rect[] {
  const ends = new Set([from, to, ...around(from), ...around(to)]);
  return [...boxes].filter(([id]) => !ends.has(id) && !around(id).some((box) => !ends.has(box))).map(([, box]) => box);
}

function drawn(line: Wanted, points: Point[], boxes: Rect[]): Line {
  const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  const { id, from, to, tone, label } = line;
  const bounds = { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
  return {
    id,
    from,
    to,
    tone,
    label,
    path: roundedPath(points),
    end: points.at(-1) as Point,
    labelAt: labelPlace(points, label, boxes),
    bounds,
  };
}

const LETTER = 6.7;
const LABEL = { inset: 12, height: 18 };

/** Where a label covers no node: on a flat part if it has one, else along the line; the middle where nothing is free. */
function labelPlace(points: Point[], label: string | null, boxes: Rect[]): Point {
  const parts = points.slice(1).map((b, index) => [points[index] as Point, b] as const);
  const long = parts.filter(([a, b]) => Math.abs(a.x - b.x) + Math.abs(a.y - b.y) > 40);
  const ordered = [...long.filter(([a, b]) => a.y === b.y), ...long.filter(([a, b]) => a.y !== b.y)];
  const spots = ordered.flatMap(([a, b]) => [0.5, 0.25, 0.75, 0.1, 0.9].map((share) => along(a, b, share)));
  const [first, last] = parts[0] ?? [points[0] as Point, points[0] as Point];
  if (!label || spots.length === 0) return spots[0] ?? along(first, last, 0.5);
  const width = label.length * LETTER + LABEL.inset;
  const covers = ({ x, y }: Point) =>
    boxes.some(
      (box) =>
        x + width / 2 > box.x &&
        x - width / 2 < box.x + box.width &&
        y + LABEL.height / 2 > box.y &&
        y - LABEL.height / 2 < box.y + box.height,
    );
  return spots.find((spot) => !covers(spot)) ?? (spots[0] as Point);
}

const along = (a: Point, b: Point, share: number): Point => ({
  x: Math.round(a.x + (b.x - a.x) * share),
  y: Math.round(a.y + (b.y - a.y) * share),
});
