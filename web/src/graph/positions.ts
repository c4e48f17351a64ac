/** Where the user has moved nodes to. Kept in this browser alone: a drawing says nothing about the workflow. */
import { readValue, writeValue } from '../api/storage';

export type Positions = Record<string, { x: number; y: number }>;

const PREFIX = 'flowgate.positions.';

export const readPositions = (key: string | undefined): Positions =>
  (key && readValue<Positions>('browser', PREFIX + key)) || {};

export function writePositions(key: string | undefined, positions: Positions) {
  if (key) writeValue('browser', PREFIX + key, Object.keys(positions).length > 0 ? positions : null);
}
