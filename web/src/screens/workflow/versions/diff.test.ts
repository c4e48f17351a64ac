import { expect, test } from 'vitest';
import type { Outline, OutlineNode } from '../../../graph/types';
import { nodeChanges } from './diff';

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
