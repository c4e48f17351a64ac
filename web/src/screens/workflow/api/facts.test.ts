import { expect, test } from 'vitest';
import { factsOf } from './facts';

test('webhook, budget and deadline of a document', () => {
  const document =
    'webhook: { url: "https://a.example/{{x}}" }\nbudget: { max_cost_usd: 0.5 }\ndeadline: 1h\nnodes: []';
  expect(factsOf(document)).toEqual({
    webhook: { method: 'POST', url: 'https://a.example/{{x}}' },
    budget: { max_cost_usd: 0.5, max_tokens: undefined },
    deadline: '1h',
  });
});

test('what cannot be read says nothing', () => {
  const nothing = { webhook: null, budget: null, deadline: null };
  expect(factsOf('a: [')).toEqual(nothing);
  expect(factsOf('- 1')).toEqual(nothing);
  expect(factsOf('webhook: 3\nbudget: x')).toEqual(nothing);
});
