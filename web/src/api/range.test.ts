import { expect, it } from 'vitest';
import { barsOf, describeBars, startOf } from './range';
import type { StatsItem } from './stats';

const now = Date.parse('2026-03-10T14:20:00Z');
const item = (at: string, runs: number, failed: number) => ({ at, runs, failed }) as StatsItem;

it('begins at a whole hour, or at midnight for days', () => {
  expect(startOf('24h', now).toISOString()).toBe('2026-03-09T15:00:00.000Z');
  expect(startOf('7d', now).toISOString()).toBe('2026-03-03T15:00:00.000Z');
  expect(startOf('30d', now).toISOString()).toBe('2026-02-09T00:00:00.000Z');
});

it('puts hours into half days, and leaves out what is older', () => {
  const bars = barsOf(
    [item('2026-03-03T14:00:00Z', 9, 9), item('2026-03-03T15:00:00Z', 2, 0), item('2026-03-10T14:00:00Z', 3, 1)],
    '7d',
    startOf('7d', now),
  );
  expect(bars).toHaveLength(14);
  expect(bars[0]).toEqual({ runs: 2, failed: 0 });
  expect(bars[13]).toEqual({ runs: 3, failed: 1 });
  expect(describeBars(bars, '7d')).toBe('5 runs in 7 days, 1 failed, at most 3 per half day');
});
