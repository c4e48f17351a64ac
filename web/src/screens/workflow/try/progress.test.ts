import { expect, test } from 'vitest';
import { idOf, Progress } from './progress';

const at = (ms: number) => new Date(ms).toISOString();
const event = (name: string, data: Record<string, unknown>) => ({ id: null, event: name, data });

test('text is joined, and the first chunk is timed', () => {
  const progress = new Progress();
  progress.apply(event('run.started', { run_id: 'run_1' }));
  progress.apply(event('node.started', { node: 'draft', kind: 'agent', attempt: 1, at: at(0) }));
  progress.apply(event('chunk', { node: 'draft', text: 'Once ' }), 70);
  progress.apply(event('chunk', { node: 'draft', text: 'upon' }), 90);
  expect(progress.runId).toBe('run_1');
  expect(progress.firstChunkAt).toBe(70);
  expect(progress.texts().get('draft')).toBe('Once upon');
  progress.restart();
  expect(progress.nodes()).toEqual([]);
});

test('tokens are those of the nodes so far, and of the run at its end', () => {
  const progress = new Progress();
  progress.apply(event('node.started', { node: 'a', kind: 'agent', attempt: 1, at: at(5) }));
  progress.apply(event('node.finished', { node: 'a', status: 'succeeded', error: null, at: at(25), tokens: 3 }));
  expect(progress.tokens()).toBe(3);
  progress.apply(event('run.finished', { id: 'run_1', status: 'succeeded', usage: { tokens: null } }));
  expect(progress.tokens()).toBeNull();
});

test('what is open at the end was cancelled with the run', () => {
  const progress = new Progress();
  progress.apply(event('node.started', { node: 'a', kind: 'agent', attempt: 1, at: at(5) }));
  const state = () => progress.nodes().map((node) => progress.stateOf(node));
  expect(state()).toEqual(['running']);
  progress.apply(event('run.finished', { id: 'run_1', status: 'cancelled', usage: { tokens: null } }));
  expect(state()).toEqual(['cancelled']);
});

test('the id of a node in a loop', () => {
  expect(idOf('chapters[2]/write')).toBe('write');
  expect(idOf('chapters')).toBe('chapters');
  expect(idOf('a[0]/b[11]')).toBe('b');
});
