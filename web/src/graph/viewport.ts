import type { Rect } from './geometry';

export type Viewport = { x: number; y: number; zoom: number };
export type ZoomLevel = 'all' | 'names' | 'blocks';

export const MIN_ZOOM = 0.1;
export const MAX_ZOOM = 2;
const MIN_FIT = 0.6;
const MARGIN = 30;

/** From 75 % everything is drawn, from 40 % the tile and the name, below that a block. */
export const levelOf = (zoom: number): ZoomLevel => (zoom >= 0.75 ? 'all' : zoom >= 0.4 ? 'names' : 'blocks');

/** Shows the whole drawing, but not smaller than 60 %; one that is larger begins at its top. */
export function fitting(drawing: Rect, width: number, height: number): Viewport {
  const zoom = Math.max(
    MIN_FIT,
    Math.min(1, (width - 2 * MARGIN) / drawing.width, (height - 2 * MARGIN) / drawing.height),
  );
  const x = (width - drawing.width * zoom) / 2 - drawing.x * zoom;
  const free = height - drawing.height * zoom;
  return { x, y: Math.max(MARGIN, free / 2) - drawing.y * zoom, zoom };
}

/** Moves the view as little as is needed to show a box. */
export function revealing(view: Viewport, box: Rect, width: number, height: number): Viewport {
  const shift = (low: number, high: number, size: number) => {
    if (low < MARGIN) return MARGIN - low;
    return high > size - MARGIN ? Math.max(size - MARGIN - high, MARGIN - low) : 0;
  };
  const left = box.x * view.zoom + view.x;
  const top = box.y * view.zoom + view.y;
  const dx = shift(left, left + box.width * view.zoom, width);
  const dy = shift(top, top + box.height * view.zoom, height);
  return dx || dy ? { ...view, x: view.x + dx, y: view.y + dy } : view;
}
