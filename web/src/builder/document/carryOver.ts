import { diffArrays } from 'diff';

const linesOf = (text: string) => text.split('\n');
const bare = (line: string) => line.replace(/\s+/g, '');

/**
 * Makes the change from `before` to `after` in a text that is `before` in another layout. Null where the lines around the
 * change have no counterpart.
 */
export function carryOver(text: string, before: string, after: string): string | null {
  const [own, old, next] = [linesOf(text), linesOf(before), linesOf(after)];
  const places = counterparts(old, own);
  const result: string[] = [];
  let copied = 0;
  for (const hunk of hunksOf(old, next)) {
    const start = hunk.start === 0 ? 0 : (places.get(hunk.start - 1) ?? Number.NaN) + 1;
    const end = hunk.end === old.length ? own.length : (places.get(hunk.end) ?? Number.NaN);
    if (!(start >= copied && end >= start)) return null;
    result.push(...own.slice(copied, start), ...hunk.lines);
    copied = end;
  }
  return [...result, ...own.slice(copied)].join('\n');
}

/** Which line of `own` is which line of `old`, whatever its spaces. */
function counterparts(old: string[], own: string[]): Map<number, number> {
  const places = new Map<number, number>();
  let [oldIndex, ownIndex] = [0, 0];
  for (const part of diffArrays(old.map(bare), own.map(bare))) {
    const count = part.value.length;
    if (!part.added && !part.removed) {
      for (let index = 0; index < count; index += 1) places.set(oldIndex + index, ownIndex + index);
    }
    if (!part.added) oldIndex += count;
    if (!part.removed) ownIndex += count;
  }
  return places;
}

type Hunk = { start: number; end: number; lines: string[] };

function hunksOf(old: string[], next: string[]): Hunk[] {
  const hunks: Hunk[] = [];
  let at = 0;
  for (const part of diffArrays(old, next)) {
    if (!part.added && !part.removed) {
      at += part.value.length;
      continue;
    }
    const last = hunks.at(-1);
    const hunk = last?.end === at ? last : { start: at, end: at, lines: [] };
    if (hunk !== last) hunks.push(hunk);
    if (part.removed) {
      at += part.value.length;
      hunk.end = at;
    } else hunk.lines.push(...part.value);
  }
  return hunks;
}
