import { expect, it } from 'vitest';
import type { RunEvent } from '../api/events';
import { addLines, findLines } from './eventLog';

const chunk = (node: string, text: string): RunEvent => ({ id: null, event: 'chunk', data: { node, text } });

it('joins chunks of a node that follow each other', () => {
  const first = addLines([], [chunk('a', 'Once '), chunk('a', 'upon ')], 0);
  const lines = addLines(first, [chunk('a', 'a time'), chunk('b', 'Other')], 0);
  expect(lines.map(({ node, text, chunks }) => [node, text, chunks])).toEqual([
    ['a', 'Once upon a time', 3],
    ['b', 'Other', 1],
  ]);
});

it('gives events a time from the start of the run, and words', () => {
  const origin = Date.parse('2026-01-31T08:15:00.000Z');
  const error = { code: 'http_status', message: 'answered 503' };
  const [line] = addLines(
    [],
    [
      {
        id: '1-1',
        event: 'node.finished',
        data: { node: 'reply', status: 'failed', error, at: '2026-01-31T08:15:10.920Z' },
      },
    ],
    origin,
  );
  expect(line).toMatchObject({ at: 10_920, state: 'failed', text: 'http_status: answered 503' });
});

it('finds text in any case', () => {
  const lines = addLines([], [chunk('reply', 'Hello'), chunk('other', 'world'), chunk('x', 'a reply')], 0);
  expect(findLines(lines, 'REPLY')).toEqual([0, 2]);
  expect(findLines(lines, ' ')).toEqual([]);
});
