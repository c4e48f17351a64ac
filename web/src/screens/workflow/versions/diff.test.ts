import { expect, test } from 'vitest';
import type { Outline, OutlineNode } from '../../../graph/types';
import { folded, nodeChanges, sideBySide } from './diff';

test('changed lines stand beside each other, with the numbers of their sides', () => {
  expect(sideBySide('a\nb\nc\n', 'a\nB\nnew\nc\n')).toEqual([
    { kind: 'same', left: { number: 1, text: 'a' }, right: { number: 1, text: 'a' } },
    { kind: 'changed', left: { number: 2, text: 'b' }, right: { number: 2, text: 'B' } },
    { kind: 'changed', left: null, right: { number: 3, text: 'new' } },
    { kind: 'same', left: { number: 3, text: 'c' }, right: { number: 4, text: 'c' } },
  ]);
});

test('equal lines far from a change are folded', () => {
  const many = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  const rows = folded(sideBySide(many.join('\n'), many.with(10, 'other').join('\n')), 2);
  expect(rows.map((row) => row.kind)).toEqual(['gap', 'same', 'same', 'changed', 'same', 'same', 'gap']);
  expect(rows[0]).toMatchObject({ rows: { length: 8 } });
});

test('no change is one gap', () => {
  expect(folded(sideBySide('a\nb', 'a\nb'))).toHaveLength(1);
});

const node = (id: string, line: number, last: number, parent: string | null = null) =>
  ({ id, kind: 'template', line, last_line: last, parent }) as OutlineNode;

const version = (document: string, nodes: OutlineNode[]) => ({ document, outline: { nodes } as Outline });

test('nodes that were added, removed and changed; a container does not change with its body', () => {
  const before = version('- loop\n  - a: 1\n- b\n- c', [
    node('loop', 1, 2),
    node('a', 2, 2, 'loop'),
    node('b', 3, 3),
    node('c', 4, 4),
  ]);
  const after = version('- new\n- loop\n  - a: 2\n- b', [
    node('new', 1, 1),
    node('loop', 2, 3),
    node('a', 3, 3, 'loop'),
    node('b', 4, 4),
  ]);
  expect(nodeChanges(before, after)).toEqual([
    { id: 'new', kind: 'template', change: 'added' },
    { id: 'a', kind: 'template', change: 'changed' },
    { id: 'c', kind: 'template', change: 'removed' },
  ]);
  expect(nodeChanges({ document: '', outline: null }, after)).toBeNull();
});
