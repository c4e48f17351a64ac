import type { Link } from './flow';

/**
 * The transitive reduction: leaves out a line where a longer way leads to the same box. Lines of branches and errors stay,
 * since they say something of their own; so do those of a circle, which a document with errors may have.
 */
export function reduced(links: Link[]): Link[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of links) next.set(from, [...(next.get(from) ?? []), to]);
  const reach = reaches(next);
  return links.filter(({ from, to, branch }) => {
    if (branch !== null || reach(to).has(from)) return true;
    return !(next.get(from) ?? []).some((other) => other !== to && reach(other).has(to));
  });
}

/** What can be reached from a box, remembered. */
function reaches(next: Map<string, string[]>) {
  const known = new Map<string, Set<string>>();
  return (start: string): Set<string> => {
    const before = known.get(start);
    if (before) return before;
    const found = new Set<string>();
    const open = [...(next.get(start) ?? [])];
    for (let box = open.pop(); box !== undefined; box = open.pop()) {
      if (found.has(box)) continue;
      found.add(box);
      const rest = known.get(box);
      if (rest) for (const beyond of rest) found.add(beyond);
      else open.push(...(next.get(box) ?? []));
    }
    known.set(start, found);
    return found;
  };
}
