import { expect, it, vi } from 'vitest';
import type { NodeTrace } from '../api/runs';
import type { Outline } from '../graph/types';
import { graphStates, pathFor } from './graphStates';

const place = { path: '', line: 1, last_line: 1, name: null, touches: null, branches: [], tools: [], change: null };
const outline: Outline = {
  nodes: [
    { ...place, id: 'loop', kind: 'loop', parent: null },
    { ...place, id: 'digest', kind: 'agent', parent: 'loop' },
    { ...place, id: 'late', kind: 'http', parent: null },
  ],
  edges: [],
  inputs: [],
  outputs: [],
  removed: [],
  truncated: false,
};
const node = (path: string, status: NodeTrace['status'], ms: number): NodeTrace => ({
  node: path,
  kind: 'agent',
  status,
  attempts: 1,
  parent: null,
  ready_at: null,
  started_at: '2026-01-31T08:15:00.000Z',
  duration_ms: ms,
  input: null,
  output: null,
  error: null,
  tokens: 10,
  cost_nano_usd: null,
  calls: [],
});
const nodes = [
  node('api', 'succeeded', 0),
  node('loop', 'failed', 300),
  node('loop[0]/digest', 'succeeded', 100),
  node('loop[1]/digest', 'failed', 200),
];

it('shows iterations together, or one of them', () => {
  const onShow = vi.fn();
  const all = graphStates(nodes, outline, { badge: 'duration', shown: {}, over: true, onShow });
  expect(all.digest).toMatchObject({ state: 'failed', badge: '300 ms' });
  expect(all.loop?.iterations).toMatchObject({ count: 2, shown: null });
  expect(all.late?.state).toBe('skipped');
  const first = graphStates(nodes, outline, { badge: 'tokens', shown: { loop: 0 }, over: true, onShow });
  expect(first.digest).toMatchObject({ state: 'succeeded', badge: '10' });
  first.loop?.iterations?.onShow(1);
  expect(onShow).toHaveBeenCalledWith('loop', 1);
});

it('leads from a node of the graph to one of the trace, a failed one first', () => {
  expect(pathFor(nodes, 'digest', {})).toBe('loop[1]/digest');
  expect(pathFor(nodes, 'digest', { loop: 0 })).toBe('loop[0]/digest');
  expect(pathFor(nodes, 'late', {})).toBeNull();
});
