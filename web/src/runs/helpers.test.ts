import { describe, expect, it } from 'vitest';
import type { NodeTrace } from '../api/runs';
import type { Outline } from '../graph/types';
import { canonical, pairNodes } from './compare';
import { runAsCurl } from './curl';
import { barAt, brushed, covered } from './histogram';
import { commonFailure, dependents, savings, spent } from './savings';
import { failedPath } from './traceTree';

const edge = (from: string, to: string) => ({ from, to, branch: null, field: null, reference: null });
const place = { path: '', line: 1, last_line: 1, name: null, touches: null, branches: [], tools: [], change: null };
const outline: Outline = {
  nodes: [
    { ...place, id: 'a', kind: 'agent', parent: null },
    { ...place, id: 'loop', kind: 'loop', parent: null },
    { ...place, id: 'inner', kind: 'http', parent: 'loop' },
    { ...place, id: 'c', kind: 'http', parent: null },
  ],
  edges: [edge('a', 'inner'), edge('loop', 'c'), edge('c', 'output')],
  inputs: [],
  outputs: [],
  removed: [],
  truncated: false,
};
const node = (path: string, second: number, cost: number | null, output: unknown = null): NodeTrace => ({
  node: path,
  kind: 'agent',
  status: 'succeeded',
  attempts: 1,
  parent: null,
  ready_at: null,
  started_at: `2026-01-31T08:15:0${second}.000Z`,
  duration_ms: 1_000,
  input: null,
  output,
  error: null,
  tokens: 1,
  cost_nano_usd: cost,
  calls: [],
});

describe('what a rerun keeps', () => {
  it('is what does not depend on the node', () => {
    expect([...dependents(outline, 'inner')].sort()).toEqual(['c', 'inner', 'loop', 'output']);
    const nodes = [node('a', 0, 5), node('loop', 1, null), node('loop[0]/inner', 1, 7), node('c', 2, 9)];
    expect(savings(nodes, outline, 'loop[0]/inner')).toEqual({ ms: 1_000, costNanoUsd: 5 });
    expect(savings(nodes, null, 'c')).toEqual({ ms: 2_000, costNanoUsd: null });
  });

  it('is known for many runs only if it is for each', () => {
    const run = (cost: number | null) => ({
      usage: { tokens: 1, input_tokens: 1, output_tokens: 0, cost_nano_usd: cost },
      duration_ms: 10,
    });
    expect(spent([run(1), run(2)])).toEqual({ ms: 20, costNanoUsd: 3 });
    expect(spent([run(1), run(null)]).costNanoUsd).toBeNull();
  });

  it('names a failure that all share, whatever the iteration', () => {
    const failed = (path: string) => ({ error: { code: 'timeout', message: '', node: path } });
    expect(commonFailure([failed('loop[0]/inner'), failed('loop[3]/inner')])).toEqual({
      node: 'loop/inner',
      code: 'timeout',
    });
    expect(commonFailure([failed('a'), failed('c')])).toBeNull();
  });
});

it('pairs the nodes of two runs', () => {
  const pairs = pairNodes(
    [node('a', 0, 1, { x: 1, y: 2 }), node('b', 0, 1, 1)],
    [node('a', 3, 1, { y: 2, x: 1 }), node('c', 0, 1)],
  );
  expect(pairs.map(({ node, difference }) => [node, difference])).toEqual([
    ['a', 'none'],
    ['b', 'only-left'],
    ['c', 'only-right'],
  ]);
  expect(canonical({ b: [{ d: 1, c: 2 }] })).toBe('{"b":[{"c":2,"d":1}]}');
});

it('quotes whatever an input has', () => {
  const command = runAsCurl('https://api.example.com', {
    workflow_id: 'story',
    version: '1.0.1',
    input: { q: "it's $HOME" },
  });
  expect(command).toContain(`-d '{"input":{"q":"it'\\''s $HOME"}}'`);
  expect(command).toContain('$FLOWGATE_KEY');
});

it('turns a brush over bars into a time and back', () => {
  const start = Date.parse('2026-01-31T00:00:00.000Z');
  const bars = [0, 1, 2, 3].map((hour) => ({ at: start + hour * 3_600_000, runs: 1, failed: 0 }));
  const range = brushed(bars, 3_600_000, 2, 1);
  expect(range).toEqual({ from: '2026-01-31T01:00:00.000Z', to: '2026-01-31T03:00:00.000Z' });
  expect(covered(bars, 3_600_000, range?.from, range?.to)).toEqual({ left: 0.25, width: 0.5 });
  expect(covered(bars, 3_600_000, undefined, undefined)).toBeNull();
  expect(barAt(bars, 0.99)).toBe(3);
});

describe('the node that a run failed at', () => {
  const failed = (path: string): NodeTrace => ({ ...node(path, 0, null), status: 'failed' });
  const nodes = [node('search', 0, null), failed('loop'), node('loop[0]/inner', 0, null), failed('loop[1]/inner')];

  it('is found though the error leaves out its iteration', () => {
    expect(failedPath(nodes, 'inner')).toBe('loop[1]/inner');
    expect(failedPath(nodes, 'loop/inner')).toBe('loop[1]/inner');
    expect(failedPath(nodes, 'loop')).toBe('loop');
  });

  it('is none if the run as a whole failed', () => {
    expect(failedPath(nodes, undefined)).toBeNull();
  });
});
