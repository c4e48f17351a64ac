import { expect, it } from 'vitest';
import { axis } from './axis';

it('has round ticks, never more than eight', () => {
  expect(axis(15_100).ticks.map(({ label }) => label)).toEqual(['2 s', '4 s', '6 s', '8 s', '10 s', '12 s', '14 s']);
  expect(axis(2_400_000).ticks[0]?.label).toBe('10 min');
  expect(axis(0).ticks).toEqual([]);
  for (const ms of [3, 47, 900, 5_100, 61_000, 700_000, 90_000_000, 2_600_000_000]) {
    expect(axis(ms).ticks.length).toBeLessThanOrEqual(8);
  }
});
