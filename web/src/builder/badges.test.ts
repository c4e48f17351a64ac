import { expect, test } from 'vitest';
import type { Outline, OutlineNode } from '../graph/types';
import { durationsOf, type Figures, failuresOf } from './badges';

const node = (id: string, parent: string | null) => ({ id, parent, path: `/${id}` }) as OutlineNode;

const outlineWith = (...nodes: OutlineNode[]) => ({ nodes }) as Outline;

test('a node takes the median of its runs, each iteration counted', () => {
  const took = (path: string, duration_ms: number | null, more: Partial<Figures> = {}): Figures => ({
    node: path,
    duration_ms,
    reused: false,
    pinned: false,
    ...more,
  });
  const outline = outlineWith(node('each', null), node('read', 'each'), node('ask', null), node('late', null));
  const runs = [
    [took('each[0]/read', 100), took('each[1]/read', 300), took('each', 400), took('ask', 5_000), took('ask/turn1', 1)],
    [took('each[0]/read', 200), took('each', 200), took('ask', 9, { reused: true }), took('late', null)],
    [took('gone', 7), took('api', 0)],
  ];
  expect(durationsOf(outline, runs)).toEqual({ each: '200 ms', read: '200 ms', ask: '5 s' });
  expect(durationsOf(outline, [])).toEqual({});
});

test('a failure counts for the node that its whole path names', () => {
  const nodes = [node('each', null), node('read', 'each'), node('minutes', null), node('lines', null)];
  const outline = { nodes } as Outline;
  const failed = (name: string, count: number) => ({ name, failed: count });
  expect(failuresOf(outline, [failed('each/read', 2), failed('minutes/lines', 3), failed('minutes', 1)])).toEqual({
    read: '2 failed',
    minutes: '4 failed',
  });
  expect(failuresOf(outline, [failed('gone', 1), failed('other', 5), failed('lines', 0)])).toEqual({});
});
