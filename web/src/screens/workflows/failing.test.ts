import { expect, it } from 'vitest';
import type { StatsItem } from '../../api/stats';
import type { ListedWorkflow } from '../../api/workflows';
import { findFailing } from './failing';

const item = (name: string, runs: number, failed: number) =>
  ({ name, runs, failed, failure_rate: failed / runs }) as StatsItem;
const workflow = { id: 'w', active_version: '1.0.30', activated_at: '2026-03-10T12:00:00Z' } as ListedWorkflow;
const from = new Date('2026-03-03T15:00:00Z');
const published = [{ version: '1.0.30' }, { version: '1.0.29' }] as never;

it('says since when, where and why the active version fails', () => {
  const sums = {
    versions: [item('1.0.29', 994, 1), item('1.0.30', 212, 38)],
    nodes: [item('parse', 38, 38)],
    codes: [item('schema_mismatch', 38, 38)],
    published,
  };
  expect(findFailing(workflow, from, sums)).toEqual({
    failed: 38,
    runs: 212,
    version: '1.0.30',
    since: '2026-03-10T12:00:00Z',
    before: { version: '1.0.29', rate: 1 / 994 },
    node: { name: 'parse', all: true },
    code: 'schema_mismatch',
  });
});

it('is silent about few or rare failures, and about those of an earlier version', () => {
  const sums = { versions: [item('1.0.29', 50, 40), item('1.0.30', 212, 2)], nodes: [], codes: [], published };
  expect(findFailing(workflow, from, sums)).toBeNull();
  expect(findFailing(workflow, from, { ...sums, versions: [item('1.0.30', 1_000, 4)] })).toBeNull();
});

it('names no node where the failures are spread', () => {
  const nodes = [item('a', 4, 4), item('b', 4, 4), item('c', 4, 4)];
  const sums = { versions: [item('1.0.30', 20, 12)], nodes, codes: [], published: [] };
  expect(findFailing(workflow, from, sums)).toMatchObject({ node: null, before: null, code: null });
});
