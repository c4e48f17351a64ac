import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { curlOf, NO_OPTIONS, startBody, startUrl } from './request';

test('the body has only the options that say something', () => {
  expect(startBody({ a: 1 }, NO_OPTIONS)).toEqual({ input: { a: 1 } });
  expect(startBody({}, { user: 'ada', save: false, webhook: 'https://example.com/', maxCost: '0.5' })).toEqual({
    input: {},
    user: 'ada',
    save: false,
    webhooks: [{ url: 'https://example.com/' }],
    budget: { max_cost_usd: 0.5 },
  });
});

test('the version stands in the address', () => {
  expect(startUrl('http://h/prod', 'a', null)).toBe('http://h/prod/v1/workflows/a/runs');
  expect(startUrl('http://h', 'a', 'draft')).toBe('http://h/v1/workflows/a/runs?version=draft');
});

test('a shell reads the command as it was meant', () => {
  const body = { input: { text: 'it\'s "quoted" $HOME `id` \\ and\ntwo lines' } };
  const command = curlOf({ url: 'http://h/v1/workflows/a/runs?version=1.0.0', mode: 'stream', body });
  // The words that curl would get, one per NUL.
  const words = execFileSync('sh', ['-c', `curl() { printf '%s\\0' "$@"; }; ${command}`], {
    env: { FLOWGATE_KEY: 'fg_x' },
    encoding: 'utf8',
  }).split('\0');
  expect(words).toContain('http://h/v1/workflows/a/runs?version=1.0.0');
  expect(words).toContain('Authorization: Bearer fg_x');
  expect(words).toContain('Accept: text/event-stream');
  expect(JSON.parse(words[words.indexOf('-d') + 1] ?? '')).toEqual(body);
});
