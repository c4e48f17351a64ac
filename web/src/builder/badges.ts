/** What stands on the nodes of a draft: how long they usually take, and how often they failed. */
import type { NodeTrace } from '../api/runs';
import type { StatsItem } from '../api/stats';
import { keysOf } from '../graph/keys';
import type { Outline } from '../graph/types';
import { formatDuration } from '../ui/format';

/**
 * A failure counts for the innermost node of the document that its path names: `minutes/lines` is in the workflow that the
 * node `minutes` runs, and `minutes` is all that this document has of it.
 */
export function failuresOf(outline: Outline, items: Pick<StatsItem, 'name' | 'failed'>[]): Record<string, string> {
  const places = placesOf(outline);
  const failures = new Map<string, number>();
  for (const { name, failed } of items) {
    const node = name && failed > 0 ? innermost(places, name) : undefined;
    if (node !== undefined) failures.set(node, (failures.get(node) ?? 0) + failed);
  }
  return Object.fromEntries([...failures].map(([node, count]) => [node, `${count} failed`]));
}

export type Figures = Pick<NodeTrace, 'node' | 'duration_ms' | 'reused' | 'pinned'>;

/** The median duration of each node over the runs; each iteration counts. What was taken over was not made in these runs. */
export function durationsOf(outline: Outline, runs: Figures[][]): Record<string, string> {
  const places = placesOf(outline);
  const durations = new Map<string, number[]>();
  for (const { node, duration_ms, reused, pinned } of runs.flat()) {
    const place = places.get(node.replace(/\[\d+\]/g, ''));
    if (place === undefined || duration_ms === null || reused || pinned) continue;
    durations.set(place, [...(durations.get(place) ?? []), duration_ms]);
  }
  return Object.fromEntries([...durations].map(([place, all]) => [place, formatDuration(median(all))]));
}

/** The lower one of two in the middle: a duration that was measured. */
function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

/** The nodes as the graph names them, by their ids after those of the containers around them. */
function placesOf(outline: Outline): Map<string, string> {
  const containers = new Map(outline.nodes.map((node) => [node.id, node.parent]));
  const places = new Map<string, string>();
  for (const [node, key] of keysOf(outline)) {
    const path = [node.id];
    for (let parent = node.parent; parent !== null && path.length < 100; parent = containers.get(parent) ?? null)
      path.unshift(parent);
    const place = path.join('/');
    if (!places.has(place)) places.set(place, key);
  }
  return places;
}

function innermost(places: Map<string, string>, name: string): string | undefined {
  for (let path = name; path; path = path.slice(0, Math.max(0, path.lastIndexOf('/')))) {
    const node = places.get(path);
    if (node !== undefined) return node;
  }
  return undefined;
}
