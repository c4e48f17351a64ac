import { expect, it } from 'vitest';
import { type Key, limitsText, phaseOf, stateWord, workflowsText } from './keyState';

const now = Date.parse('2026-03-10T12:00:00Z');
const key = (fields: Partial<Key>) =>
  ({ expires_at: null, ends_at: null, limits: null, budget: null, ...fields }) as Key;

it.each([
  [key({}), 'active', 'Active'],
  [key({ expires_at: '2027-01-01T00:00:00Z' }), 'active', 'Active'],
  [key({ expires_at: '2026-03-16T13:00:00Z' }), 'ending', 'Expires in 6 d'],
  [key({ ends_at: '2026-03-11T09:30:00Z' }), 'ending', 'Works 21 h more'],
  [key({ ends_at: '2026-03-10T09:00:00Z' }), 'ended', 'Revoked'],
  [key({ expires_at: '2026-03-10T09:00:00Z' }), 'ended', 'Expired'],
] as const)('tells the state of %o', (one, phase, word) => {
  expect(phaseOf(one, now)).toBe(phase);
  expect(stateWord(one, false, now)).toBe(word);
});

it('knows a key that was replaced', () => {
  expect(stateWord(key({ ends_at: '2026-03-10T09:00:00Z' }), true, now)).toBe('Replaced');
});

it('writes limits and workflows', () => {
  const limits = { requests_per_minute: 60, burst: 10, concurrent_runs: 5 };
  expect(limitsText(key({ limits }))).toBe('60 / min · 10 in one go · 5 at once');
  expect(limitsText(key({ budget: { max_cost_usd: 5, max_tokens: null, per: 'day' } }))).toBe('$5 a day');
  expect(limitsText(key({}))).toBe('none');
  expect(workflowsText(['a', 'b', 'c', 'd'], (id) => id.toUpperCase())).toBe('A, B and 2 more');
});
