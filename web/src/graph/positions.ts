/** Where the user has moved nodes to. Kept in this browser alone: a drawing says nothing about the workflow. */

export type Positions = Record<string, { x: number; y: number }>;

const PREFIX = 'flowgate.positions.';

export function readPositions(key: string | undefined): Positions {
  if (!key) return {};
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key) ?? '{}');
  } catch {
    return {};
  }
}

export function writePositions(key: string | undefined, positions: Positions) {
  if (!key) return;
  try {
    if (Object.keys(positions).length === 0) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(positions));
  } catch {
    // A browser that keeps nothing still draws.
  }
}
