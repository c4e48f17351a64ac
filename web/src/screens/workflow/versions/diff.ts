/** What became of each node between two documents. */
import type { Outline, OutlineNode } from '../../../graph/types';

export type NodeChange = { id: string; kind: string; change: 'added' | 'removed' | 'changed' };

export type Comparable = { document: string; outline: Outline | null };

/** Which nodes differ, in the order of the newer document; removed ones last. Null if a document cannot be read. */
export function nodeChanges(before: Comparable, after: Comparable): NodeChange[] | null {
  if (!before.outline || !after.outline) return null;
  const old = new Map(before.outline.nodes.map((node) => [node.id, node]));
  const changes: NodeChange[] = [];
  for (const node of after.outline.nodes) {
    const was = old.get(node.id);
    old.delete(node.id);
    if (!was) changes.push({ id: node.id, kind: node.kind, change: 'added' });
    else if (ownText(before, was) !== ownText(after, node)) {
      changes.push({ id: node.id, kind: node.kind, change: 'changed' });
    }
  }
  for (const node of old.values()) changes.push({ id: node.id, kind: node.kind, change: 'removed' });
  return changes;
}

/** The lines of a node without those of nodes that it holds: a container did not change because its body did. */
function ownText({ document, outline }: Comparable, node: OutlineNode): string {
  const held = outline?.nodes.filter((other) => other.parent === node.id) ?? [];
  const lines = document.split('\n').slice(node.line - 1, node.last_line);
  return lines
    .filter((_, index) => !held.some((other) => isWithin(node.line + index, other)))
    .map((line) => line.trim())
    .filter(Boolean)
    .join('\n');
}

const isWithin = (line: number, node: OutlineNode) => line >= node.line && line <= node.last_line;
