import { expect, it, test } from 'vitest';
import { notCancelled, notReplayed, toCancel, toReplay, trialOf, withoutRun } from './jobs';

it('asks each job for the runs that it is for', () => {
  expect(toReplay({ status: 'failed', code: 'timeout' })).toEqual({ status: 'failed', code: 'timeout' });
  expect(toReplay({ status: 'running', user: 'ada' })).toEqual({ user: 'ada' });
  expect(toCancel({ status: 'running', code: 'timeout', node: 'reply' })).toEqual({ status: 'running' });
  expect(toCancel({ run_ids: ['run_1'] })).toEqual({ run_ids: ['run_1'] });
});

it('says why a job would do nothing', () => {
  const runs = [{ status: 'running' as const }];
  expect(notReplayed({ choice: {}, runs, complete: true })).toMatch(/once it is over/);
  expect(notCancelled({ choice: {}, runs, complete: true })).toBeNull();
  expect(notCancelled({ choice: { code: 'timeout' }, runs: [], complete: false })).toMatch(/are over/);
  expect(notReplayed({ choice: { status: 'failed' }, runs: [], complete: false })).toBeNull();
});

test('the run that was tried is not replayed again', () => {
  const tried = { id: 'run_b', created_at: '2026-01-02T00:00:00Z' };
  expect(withoutRun({ choice: { run_ids: ['run_a', 'run_b'] } }, tried)).toEqual({ run_ids: ['run_a'] });
  expect(withoutRun({ choice: { status: 'failed' } }, tried)).toEqual({
    status: 'failed',
    created_before: tried.created_at,
  });
});

test('what is tried is the newest of all that match, wherever it stands in the list', () => {
  const run = (id: string, minute: number) => ({ id, created_at: `2026-01-02T00:0${minute}:00Z` });
  const runs = [run('run_a', 1), run('run_c', 3), run('run_b', 2)];
  expect(trialOf({ choice: { status: 'failed' }, runs })?.id).toBe('run_c');
  expect(trialOf({ choice: { run_ids: ['run_a', 'run_b'] }, runs })?.id).toBe('run_a');
  expect(trialOf({ choice: {}, runs: [...runs, run('run_d', 3)] })).toBeUndefined();
  expect(trialOf({ choice: {}, runs: [] })).toBeUndefined();
});
