import { crosses, type Point, type Rect } from './geometry';
import { GAP_DOWN } from './size';

const STUB = GAP_DOWN / 2;
const DETOUR = 20;

/**
 * The corners of a line from the bottom of one box to the top of another, around the boxes that stand in its way. It turns
 * as late as it can, so that lines into one box meet above it.
 */
export function route(start: Point, end: Point, obstacles: Rect[]): Point[] {
  if (Math.abs(start.x - end.x) < 2 && !crosses([start, end], obstacles, 0)) return [start, { x: start.x, y: end.y }];
  const ways = [late(start, end), early(start, end), ...detours(start, end, obstacles)];
  return (
    ways.find((way) => !crosses(way, obstacles)) ?? ways.find((way) => !crosses(way, obstacles, 0)) ?? late(start, end)
  );
}

function late(start: Point, end: Point): Point[] {
  const y = Math.max(end.y - STUB, (start.y + end.y) / 2);
  return [start, { x: start.x, y }, { x: end.x, y }, end];
}

function early(start: Point, end: Point): Point[] {
  const y = Math.min(start.y + STUB, (start.y + end.y) / 2);
  return [start, { x: start.x, y }, { x: end.x, y }, end];
}

/** Ways down beside each box between the two, the nearest first. */
function detours(start: Point, end: Point, obstacles: Rect[]): Point[][] {
  const between = obstacles.filter((box) => box.y < end.y && box.y + box.height > start.y);
  const lanes = between.flatMap((box) => [box.x - DETOUR, box.x + box.width + DETOUR]);
  const length = (x: number) => Math.abs(x - start.x) + Math.abs(x - end.x);
  return [...new Set(lanes)]
    .sort((a, b) => length(a) - length(b) || a - b)
    .map((x) => [
      start,
      { x: start.x, y: start.y + STUB },
      { x, y: start.y + STUB },
      { x, y: end.y - STUB },
      { x: end.x, y: end.y - STUB },
      end,
    ]);
}
