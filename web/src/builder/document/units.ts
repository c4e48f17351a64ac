import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { nodesIn } from './nodes';

/** A part of a document that changes on its own: a node without what it holds, or a section such as `output`. */
export type Unit = {
  /** `node:answer` or `section:output`. */
  key: string;
  /** The id of the node, or the name of the section. */
  name: string;
  /** The node's kind; the name of a section. */
  kind: string;
  value: unknown;
  parent: string | null;
  /** From 1; those of a container up to where its nodes begin. */
  lines: { first: number; last: number };
};

/** The parts of a document by their keys, in its order. An unreadable text has none. */
export function unitsOf(text: string): Map<string, Unit> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false });
  if (document.errors.length > 0) return new Map();
  const at = (offset: number) => lines.linePos(offset).line;
  const units = [...sections(document, at), ...nodes(document, at)];
  return new Map(units.map((unit) => [unit.key, unit]));
}

type At = (offset: number) => number;

function sections(document: Document, at: At): Unit[] {
  if (!isMap(document.contents)) return [];
  return document.contents.items.flatMap((pair) => {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    if (name === 'nodes') return [];
    const value = pair.value as Node | null;
    const first = isScalar(pair.key) ? at(pair.key.range?.[0] ?? 0) : 1;
    const last = value?.range ? at(Math.max(value.range[0], value.range[1] - 1)) : first;
    const kind = ['input', 'output', 'webhook'].includes(name) ? name : 'variables';
    return [
      {
        key: `section:${name}`,
        name,
        kind,
        value: value?.toJS(document) ?? null,
        parent: null,
        lines: { first, last },
      },
    ];
  });
}

function nodes(document: Document, at: At): Unit[] {
  return nodesIn(document).map(({ id, map, parent, path }) => {
    const { nodes: held, ...own } = map.toJS(document) as Record<string, unknown>;
    const first = at(map.range?.[0] ?? 0);
    const end = held === undefined ? undefined : (map.get('nodes', true) as Node | undefined)?.range?.[0];
    const last = at(Math.max(map.range?.[0] ?? 0, (end ?? map.range?.[1] ?? 1) - 1));
    const key = id || path.join('/');
    return { key: `node:${key}`, name: key, kind: String(own.type ?? ''), value: own, parent, lines: { first, last } };
  });
}

export const isSame = (a: Unit | undefined, b: Unit | undefined) =>
  a?.parent === b?.parent && JSON.stringify(sorted(a?.value)) === JSON.stringify(sorted(b?.value));

/** The same value with its keys in order: their order says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

export { sorted };
