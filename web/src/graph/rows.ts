import type { Link } from './flow';

/**
 * The row of each node, from 0: one below the lowest that it waits for, so that the drawing reads in the order of a run.
 * Nodes in a circle, which a document with errors may have, stand below those before them.
 */
export function rowsOf(ids: string[], links: Link[]): Map<string, number> {
  const known = new Set(ids);
  const before = new Map<string, string[]>();
  for (const { from, to } of links) {
    if (known.has(from) && known.has(to)) before.set(to, [...(before.get(to) ?? []), from]);
  }
  const rows = new Map<string, number>();
  const open = new Set<string>();
  const row = (id: string): number => {
    const found = rows.get(id);
    if (found !== undefined || open.has(id)) return found ?? -1;
    open.add(id);
    const own = 1 + Math.max(-1, ...(before.get(id) ?? []).map(row));
    open.delete(id);
    rows.set(id, own);
    return own;
  };
  for (const id of ids) row(id);
  return rows;
}
