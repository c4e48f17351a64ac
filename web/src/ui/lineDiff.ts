/** Two texts line by line. */
import { diffLines } from 'diff';

export type Side = { number: number; text: string } | null;
export type Row = { kind: 'same' | 'changed'; left: Side; right: Side };
/** Equal rows that are left out. */
export type Gap = { kind: 'gap'; rows: Row[] };

/** Equal lines stand beside each other; lines that were removed beside those that took their place. */
export function rowsOf(before: string, after: string, first: [number, number] = [1, 1]): Row[] {
  const rows: Row[] = [];
  let [left, right] = first;
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
      if (part.removed) removed.push({ number: left++, text });
      else if (part.added) added.push({ number: right++, text });
      else {
        flush();
        rows.push({ kind: 'same', left: { number: left++, text }, right: { number: right++, text } });
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

/** The rows for one column: of lines that changed together, the removed ones stand over the added ones. */
export function unified(rows: Row[]): Row[] {
  const out: Row[] = [];
  let added: Row[] = [];
  for (const row of rows) {
    if (row.kind === 'same') {
      out.push(...added, row);
      added = [];
      continue;
    }
    if (row.left) out.push({ kind: 'changed', left: row.left, right: null });
    if (row.right) added.push({ kind: 'changed', left: null, right: row.right });
  }
  return [...out, ...added];
}
