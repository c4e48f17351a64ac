import { describe, expect, it } from 'vitest';
import { chips, parseDuration, readFilters, toChoice, toQuery, withFilter } from './filters';

const params = new URLSearchParams(
  'status=failed&node=reply&code=http_status&slower=1500&from=2026-01-31T08:00:00Z&tab=x',
);

describe('filters of runs', () => {
  it('reads them out of the URL and leaves the rest', () => {
    expect(readFilters(params)).toEqual({
      status: 'failed',
      node: 'reply',
      code: 'http_status',
      slower: '1500',
      from: '2026-01-31T08:00:00Z',
    });
    expect(withFilter(params, { status: null, user: 'ada' }).toString()).toBe(
      'node=reply&code=http_status&slower=1500&from=2026-01-31T08%3A00%3A00Z&tab=x&user=ada',
    );
  });

  it('lets node and status exclude each other', () => {
    expect(withFilter(params, { status: 'running' }).has('node')).toBe(false);
    expect(withFilter(new URLSearchParams('status=running'), { code: 'timeout' }).toString()).toBe('code=timeout');
  });

  it('asks the API in its own names', () => {
    const query = toQuery({ workflow: 'a', slower: '1500', from: '2026-01-31T08:00:00Z', q: 'order' });
    expect(query).toEqual({
      workflow: 'a',
      min_duration_ms: 1_500,
      created_from: '2026-01-31T08:00:00Z',
      q: 'order',
    });
  });

  it('chooses all that match for a job, up to the time that was looked at', () => {
    const now = '2026-01-31T09:00:00Z';
    expect(toChoice({ status: 'failed', node: 'reply' }, 'b', now)).toEqual({
      workflow: 'b',
      status: 'failed',
      node: 'reply',
      created_before: now,
    });
    expect(toChoice({ to: '2026-01-31T08:30:00Z' }, undefined, now)?.created_before).toBe('2026-01-31T08:30:00Z');
    expect(toChoice({ q: 'order' }, undefined, now)).toBeNull();
  });

  it('writes chips in words', () => {
    const names = (filter: string) => (filter === 'key' ? 'website' : undefined);
    expect(chips({ status: 'failed', key: 'key_1', slower: '1500', q: 'x' }, names)).toEqual([
      { filter: 'status', name: 'Status', value: 'Failed' },
      { filter: 'key', name: 'Key', value: 'website' },
      { filter: 'slower', name: 'Slower than', value: '1.5 s' },
    ]);
  });

  it('understands durations', () => {
    expect(['900', '900 ms', '2.5s', '3 min', '1h', 'soon'].map(parseDuration)).toEqual([
      900,
      900,
      2_500,
      180_000,
      3_600_000,
      null,
    ]);
  });
});
