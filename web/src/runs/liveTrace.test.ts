import { expect, it } from 'vitest';
import type { RunEvent } from '../api/events';
import { addEvents, emptyLive, mergeTrace } from './liveTrace';

const event = (name: string, data: Record<string, unknown>): RunEvent => ({ id: null, event: name, data });
const started = event('node.started', { node: 'a', kind: 'agent', attempt: 1, at: '2026-01-31T08:15:00.000Z' });

it('opens a node, gathers its text, and closes it', () => {
  const live = addEvents(emptyLive(), [
    started,
    event('chunk', { node: 'a', text: 'Once ' }),
    event('chunk', { node: 'a', text: 'upon' }),
    event('node.finished', {
      node: 'a',
      kind: 'agent',
      status: 'succeeded',
      error: null,
      at: '2026-01-31T08:15:01.500Z',
      duration_ms: 1_500,
      tokens: 7,
    }),
  ]);
  expect(live.text.get('a')).toBe('Once upon');
  expect(live.nodes.get('a')).toMatchObject({ status: 'succeeded', duration_ms: 1_500, tokens: 7 });
});

it('starts the text anew after a reset', () => {
  const live = addEvents(emptyLive(), [
    started,
    event('chunk', { node: 'a', text: 'wrong' }),
    event('node.reset', { node: 'a' }),
    event('chunk', { node: 'a', text: 'right' }),
  ]);
  expect(live.text.get('a')).toBe('right');
});

it('knows attempts and further calls', () => {
  const again = event('node.attempt', { node: 'a', attempt: 2, at: '2026-01-31T08:15:01.000Z' });
  const turn = event('node.attempt', { node: 'a', call: 'turn2', attempt: 1, at: '2026-01-31T08:15:02.000Z' });
  const calls = addEvents(emptyLive(), [started, again, turn]).nodes.get('a')?.calls;
  expect(calls?.map(({ call, attempts }) => [call, attempts.map(({ status }) => status)])).toEqual([
    [null, ['failed', 'succeeded']],
    ['turn2', [null]],
  ]);
});

it('takes ended nodes from the trace and open ones from the events', () => {
  const live = addEvents(emptyLive(), [started]);
  const trace = [...live.nodes.values()];
  const later = addEvents(live, [
    event('node.finished', { node: 'a', kind: 'agent', status: 'failed', error: null, at: '2026-01-31T08:15:01.000Z' }),
    event('node.started', { node: 'b', kind: 'http', attempt: 1, at: '2026-01-31T08:15:01.000Z' }),
  ]);
  expect(mergeTrace(trace, later).map(({ node, status }) => [node, status])).toEqual([
    ['a', 'failed'],
    ['b', null],
  ]);
});
