/** Lines with right angles between boxes. */

export type Point = { x: number; y: number };
export type Rect = { x: number; y: number; width: number; height: number };

export const RADIUS = 9;

/** An SVG path along these points, whose corners are rounded. */
export function roundedPath(points: Point[]): string {
  const [start, ...rest] = straightened(points);
  if (!start) return '';
  let path = `M${start.x} ${start.y}`;
  let before = start;
  rest.forEach((corner, index) => {
    const after = rest[index + 1];
    if (!after) {
      path += `L${corner.x} ${corner.y}`;
      return;
    }
    const radius = Math.min(RADIUS, distance(before, corner) / 2, distance(corner, after) / 2);
    const enter = towards(corner, before, radius);
    const leave = towards(corner, after, radius);
    path += `L${enter.x} ${enter.y}Q${corner.x} ${corner.y} ${leave.x} ${leave.y}`;
    before = corner;
  });
  return path;
}

/** Without points that lie between two others on one line. */
export function straightened(points: Point[]): Point[] {
  return points.filter((point, index) => {
    const [before, after] = [points[index - 1], points[index + 1]];
    if (!before || !after) return true;
    const vertical = before.x === point.x && point.x === after.x;
    const horizontal = before.y === point.y && point.y === after.y;
    return !vertical && !horizontal;
  });
}

const distance = (a: Point, b: Point) => Math.abs(a.x - b.x) + Math.abs(a.y - b.y);

function towards(from: Point, to: Point, length: number): Point {
  const whole = distance(from, to) || 1;
  return { x: from.x + ((to.x - from.x) * length) / whole, y: from.y + ((to.y - from.y) * length) / whole };
}

/** Whether any part of the line goes through a box. */
export function crosses(points: Point[], boxes: Rect[], margin = 6): boolean {
  return points.slice(1).some((b, index) => {
    const a = points[index] as Point;
    const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
    const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
    return boxes.some(
      (box) =>
        right > box.x - margin &&
        left < box.x + box.width + margin &&
        bottom > box.y - margin &&
        top < box.y + box.height + margin,
    );
  });
}
