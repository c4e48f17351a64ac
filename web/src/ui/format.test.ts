import { expect, it } from 'vitest';
import { formatDuration } from './format';

it('never writes a unit that is full or empty', () => {
  expect(
    [0.4, 999, 1_500, 9_000, 119_700, 125_000, 3_599_900, 7_199_000, 86_399_000, 259_199_000].map(formatDuration),
  ).toEqual(['0 ms', '999 ms', '1.5 s', '9 s', '2 min', '2 min 5 s', '1 h', '2 h', '1 d', '3 d']);
});
