import { type Document, isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';

/** Where something stands in a document: `['nodes', 0, 'prompt']`. */
export type Path = (string | number)[];

/** A node of the workflow as it stands in the document. */
export type Found = { id: string; map: YAMLMap; list: YAMLSeq; index: number; path: Path; parent: string | null };

/** The nodes in the order of the document, a container before what it holds. */
export function nodesIn(document: Document): Found[] {
  return isMap(document.contents) ? inside(document.contents, [], null) : [];
}

function inside(owner: YAMLMap, path: Path, parent: string | null): Found[] {
  const list = owner.get('nodes', true);
  if (!isSeq(list)) return [];
  return list.items.flatMap((map, index) => {
    if (!isMap(map)) return [];
    const found: Found = { id: idOf(map), map, list, index, path: [...path, 'nodes', index], parent };
    return [found, ...inside(map, found.path, found.id)];
  });
}

function idOf(map: YAMLMap): string {
  const id = map.get('id', true);
  return isScalar(id) ? String(id.value ?? '') : '';
}

/** A node by its id; by its path where the document has no such id. */
export function nodeIn(document: Document, key: string): Found | undefined {
  const nodes = nodesIn(document);
  return nodes.find((node) => node.id === key) ?? nodes.find((node) => pointer(node.path) === key);
}

export const pointer = (path: Path) =>
  path.map((part) => `/${String(part).replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');

export const segments = (path: string): string[] =>
  path
    .split('/')
    .slice(1)
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));

/** An id that no node has yet: `fetch`, `fetch_2`… */
export function freshId(wanted: string, taken: Iterable<string>): string {
  const used = new Set([...taken, 'api', 'loop', 'parallel', 'variable', 'output'].map((id) => id.toLowerCase()));
  if (!used.has(wanted.toLowerCase())) return wanted;
  const base = wanted.replace(/_\d+$/, '');
  for (let number = 2; ; number += 1) {
    const id = `${base}_${number}`;
    if (!used.has(id.toLowerCase())) return id;
  }
}

/** What a node's id may be, as the server has it. */
export const isId = (text: string) => /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(text);
