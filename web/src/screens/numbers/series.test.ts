import { expect, it } from 'vitest';
import type { StatsItem } from '../../api/stats';
import { axisEnd, beginOf, csvOf, linePath, pointsOf, readStep, readTime } from './series';

const now = Date.parse('2026-03-10T14:20:00Z');

it('reads what the URL says, or takes what fits', () => {
  expect(readTime('nonsense')).toBe('7d');
  expect(readStep('hour', '7d')).toBe('hour');
  expect(readStep('hour', '90d')).toBe('day');
});

it('gives each step a point', () => {
  const from = beginOf('7d', 'day', now);
  expect(from.toISOString()).toBe('2026-03-04T00:00:00.000Z');
  const points = pointsOf([{ at: '2026-03-10T00:00:00Z', runs: 3 } as StatsItem], from, '7d', 'day');
  expect(points).toHaveLength(7);
  expect(points.map((point) => point.item?.runs ?? 0)).toEqual([0, 0, 0, 0, 0, 0, 3]);
});

it('ends axes at round numbers', () => {
  expect([0, 1, 3, 7, 10, 240, 0.003].map(axisEnd)).toEqual([1, 1, 5, 10, 10, 500, 0.005]);
});

it('breaks lines where nothing ran', () => {
  expect(linePath([0, 10, null, 5, null], 50, 100, 10)).toBe('M5.0 100.0L15.0 0.0M35.0 50.0h1');
});

it('writes CSV that a spreadsheet reads as text and numbers', () => {
  const item = { at: '2026-03-10T00:00:00Z', name: '=1+1, "x"', runs: 3, p50_ms: null } as StatsItem;
  const [head, row] = csvOf([item]).split('\r\n');
  expect(head?.startsWith('at,name,runs,succeeded,failed')).toBe(true);
  expect(row?.startsWith(`2026-03-10T00:00:00Z,"'=1+1, ""x""",3,,`)).toBe(true);
});
