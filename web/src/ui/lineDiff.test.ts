import { expect, test } from 'vitest';
import { folded, rowsOf, unified } from './lineDiff';

test('changed lines stand beside each other, with the numbers of their sides', () => {
  expect(rowsOf('a\nb\nc\n', 'a\nB\nnew\nc\n')).toEqual([
    { kind: 'same', left: { number: 1, text: 'a' }, right: { number: 1, text: 'a' } },
    { kind: 'changed', left: { number: 2, text: 'b' }, right: { number: 2, text: 'B' } },
    { kind: 'changed', left: null, right: { number: 3, text: 'new' } },
    { kind: 'same', left: { number: 3, text: 'c' }, right: { number: 4, text: 'c' } },
  ]);
});

test('equal lines far from a change are folded', () => {
  const many = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  const rows = folded(rowsOf(many.join('\n'), many.with(10, 'other').join('\n')), 2);
  expect(rows.map((row) => row.kind)).toEqual(['gap', 'same', 'same', 'changed', 'same', 'same', 'gap']);
  expect(rows[0]).toMatchObject({ rows: { length: 8 } });
});

test('no change is one gap', () => {
  expect(folded(rowsOf('a\nb', 'a\nb'))).toHaveLength(1);
});

test('in one column, removed lines stand over those that took their place', () => {
  const rows = unified(rowsOf('a\nb\nc\nd\n', 'a\nB\nC\nd\n', [10, 20]));
  expect(rows.map(({ left, right }) => [left?.number, right?.number])).toEqual([
    [10, 20],
    [11, undefined],
    [12, undefined],
    [undefined, 21],
    [undefined, 22],
    [13, 23],
  ]);
});
