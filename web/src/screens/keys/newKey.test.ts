import { expect, it } from 'vitest';
import { EMPTY, readForm } from './newKey';

it('leaves out what is not given', () => {
  expect(readForm({ ...EMPTY, name: ' website ' })).toEqual({
    key: {
      name: 'website',
      workflows: '*',
      scopes: ['run', 'read', 'cancel'],
      expires_at: null,
      limits: null,
      budget: null,
    },
  });
});

it('reads limits, budget and origins', () => {
  const form = {
    ...EMPTY,
    name: 'a',
    perMinute: '1,000',
    atOnce: '5',
    maxCost: '$2.5',
    origins: 'https://a.example/, http://localhost:3000',
  };
  expect(readForm(form)).toMatchObject({
    key: {
      limits: { requests_per_minute: 1_000, burst: null, concurrent_runs: 5 },
      budget: { max_cost_usd: 2.5, max_tokens: null, per: 'month' },
      origins: ['https://a.example', 'http://localhost:3000'],
    },
  });
});

it('says what is wrong, each at its field', () => {
  const form = {
    ...EMPTY,
    workflows: [],
    scopes: [],
    perMinute: '0',
    atOnce: '201',
    origins: 'app.example.com',
    expires: '2020-01-01',
  };
  const read = readForm(form);
  expect('errors' in read && Object.keys(read.errors).filter((field) => read.errors[field as 'name'])).toEqual([
    'name',
    'workflows',
    'scopes',
    'expires',
    'perMinute',
    'atOnce',
    'origins',
  ]);
  expect(readForm({ ...EMPTY, name: 'a', burst: '5' })).toMatchObject({ errors: { perMinute: expect.any(String) } });
});
