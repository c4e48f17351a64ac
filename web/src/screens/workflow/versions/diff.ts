/** Two documents side by side, and what became of each node between them. */
import { diffLines } from 'diff';
import type { Outline, OutlineNode } from '../../../graph/types';

export type Side = { number: number; text: string } | null;
export type Row = { kind: 'same' | 'changed'; left: Side; right: Side };
/** Equal rows that are left out. */
export type Gap = { kind: 'gap'; rows: Row[] };

/** Equal lines stand beside each other; lines that were removed beside those that took their place. */
export function sideBySide(before: string, after: string): Row[] {
  const rows: Row[] = [];
  let left = 0;
  let right = 0;
  let removed: Side[] = [];
  let added: Side[] = [];
  const flush = () => {
    for (let index = 0; index < Math.max(removed.length, added.length); index++) {
      rows.push({ kind: 'changed', left: removed[index] ?? null, right: added[index] ?? null });
    }
    removed = [];
    added = [];
  };
  for (const part of diffLines(before, after)) {
    for (const text of linesOf(part.value)) {
      if (part.removed) removed.push({ number: ++left, text });
      else if (part.added) added.push({ number: ++right, text });
      else {
        flush();
        rows.push({ kind: 'same', left: { number: ++left, text }, right: { number: ++right, text } });
      }
    }
  }
  flush();
  return rows;
}

const linesOf = (text: string) => text.replace(/\r?\n$/, '').split('\n');

/** Folds equal rows that are further than `context` from a change. */
export function folded(rows: Row[], context = 3): (Row | Gap)[] {
  const near = new Set<number>();
  rows.forEach((row, index) => {
    if (row.kind === 'same') return;
    for (let at = index - context; at <= index + context; at++) near.add(at);
  });
  const out: (Row | Gap)[] = [];
  for (const [index, row] of rows.entries()) {
    const last = out.at(-1);
    if (near.has(index)) out.push(row);
    else if (last?.kind === 'gap') last.rows.push(row);
    else out.push({ kind: 'gap', rows: [row] });
  }
  return out;
}

export type NodeChange = { id: string; kind: string; change: 'added' | 'removed' | 'changed' };

type Version = { document: string; outline: Outline | null };

/** Which nodes differ, in the order of the newer document; removed ones last. Null if a document cannot be read. */
export function nodeChanges(before: Version, after: Version): NodeChange[] | null {
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
function ownText({ document, outline }: Version, node: OutlineNode): string {
  const held = outline?.nodes.filter((other) => other.parent === node.id) ?? [];
  const lines = document.split('\n').slice(node.line - 1, node.last_line);
  return lines
    .filter((_, index) => !held.some((other) => isWithin(node.line + index, other)))
    .map((line) => line.trim())
    .filter(Boolean)
    .join('\n');
}

const isWithin = (line: number, node: OutlineNode) => line >= node.line && line <= node.last_line;
