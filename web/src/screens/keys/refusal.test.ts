import { expect, it } from 'vitest';
import { lastAnswer, refusalText } from './refusal';

const at = (second: number) => new Date(Date.UTC(2026, 2, 10, 12, 0, second)).toISOString();

it.each([
  [null, null, 'none'],
  [at(1), null, 'used'],
  [null, at(1), 'refused'],
  // A call that is refused may count as a use first, in the same millisecond.
  [at(1), at(1), 'refused'],
  [at(1), at(2), 'refused'],
  [at(3), at(2), 'used'],
] as const)('used at %s, refused at %s: %s', (used, refused, expected) => {
  const last_refused = refused === null ? null : { at: refused, code: 'forbidden' };
  expect(lastAnswer({ last_used_at: used, last_refused })).toBe(expected);
});

it('says why in words, or gives the code as it is', () => {
  expect(refusalText('rate_limited')).toBe('a limit of the key was used up (rate_limited)');
  expect(refusalText('one_of_a_later_release')).toBe('one_of_a_later_release');
});
