import { expect, test } from 'vitest';
import { idOf, Progress } from './progress';

const at = (ms: number) => new Date(ms).toISOString();
const event = (name: string, data: Record<string, unknown>) => ({ id: null, event: name, data });

test('chunks are joined, a reset forgets them', () => {
  const progress = new Progress();
  progress.apply(event('run.started', { run_id: 'run_1' }));
  progress.apply(event('node.started', { node: 'draft', kind: 'agent', attempt: 1, at: at(0) }));
  progress.apply(event('chunk', { node: 'draft', text: 'Once ' }), 70);
  progress.apply(event('node.reset', { node: 'draft', at: at(1) }));
  progress.apply(event('node.attempt', { node: 'draft', attempt: 2, at: at(1) }));
  progress.apply(event('chunk', { node: 'draft', text: 'Twice ' }), 90);
  progress.apply(event('chunk', { node: 'draft', text: 'upon' }), 99);
  expect(progress.runId).toBe('run_1');
  expect(progress.firstChunkAt).toBe(70);
  expect(progress.nodes.get('draft')).toMatchObject({ text: 'Twice upon', chunks: 2, attempt: 2, state: 'running' });
});

test('a node without a measured duration lasted from its start to its end', () => {
  const progress = new Progress();
  progress.apply(event('node.started', { node: 'a', kind: 'template', at: at(5) }));
  progress.apply(event('node.finished', { node: 'a', status: 'succeeded', error: null, at: at(25), tokens: 3 }));
  expect(progress.nodes.get('a')).toMatchObject({ durationMs: 20, state: 'succeeded' });
  expect(progress.tokens).toBe(3);
});

test('what is open at the end was cancelled with the run', () => {
  const progress = new Progress();
  progress.apply(event('node.started', { node: 'a', kind: 'agent', at: at(5) }));
  progress.apply(event('run.finished', { id: 'run_1', status: 'cancelled', usage: { tokens: null } }));
  expect(progress.nodes.get('a')?.state).toBe('cancelled');
  expect(progress.tokens).toBeNull();
});

test('the id of a node in a loop', () => {
  expect(idOf('chapters[2]/write')).toBe('write');
  expect(idOf('chapters')).toBe('chapters');
  expect(idOf('a[0]/b[11]')).toBe('b');
});
