import { expect, test } from 'vitest';
import { idOf, isBelow, Progress, shortPath } from './progress';

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

test('paths in loops, in other workflows and in agents', () => {
  const read = (path: string) => [idOf(path), shortPath(path), isBelow(path)];
  expect(read('write')).toEqual(['write', 'write', false]);
  expect(read('chapters[2]/write')).toEqual(['write', 'write[2]', false]);
  expect(read('a[0]/b[11]/c')).toEqual(['c', 'c[0][11]', false]);
  expect(read('minutes/lines')).toEqual(['minutes', 'minutes/lines', true]);
  expect(read('a[1]/helper/turn1.tool0')).toEqual(['helper', 'helper[1]/turn1.tool0', true]);
});
