import { type Document, isMap, isScalar, isSeq, type Node, parseDocument, Scalar, visit, YAMLMap, YAMLSeq } from 'yaml';
import { edit } from './edit';
import { type Found, freshId, nodeIn, nodesIn, type Path } from './nodes';
import { blankUnknown, forgetAfter, renameReferences } from './references';

/** Sets what stands at a path; `undefined` removes it. Comments and the way of quoting stay. */
export function setValue(text: string, path: Path, value: unknown): string {
  return edit(text, (document) => {
    if (value === undefined) removeAt(document, path);
    else put(document, path, value);
  });
}

/** Sets a field of a node, which is named by its id, or by its path if it has none. */
export function setNodeField(text: string, key: string, field: Path, value: unknown): string {
  return edit(text, (document) => {
    const node = nodeIn(document, key);
    if (!node) return;
    if (value === undefined) removeAt(document, [...node.path, ...field]);
    else put(document, [...node.path, ...field], value);
  });
}

function put(document: Document, path: Path, value: unknown) {
  if (typeof value === 'string' && value.includes('\n')) openUp(document, path);
  makeRoom(document, path);
  document.setIn(path, value instanceof Object ? document.createNode(value) : value);
  const written = document.getIn(path, true);
  if (isScalar(written) && typeof value === 'string' && value.includes('\n')) written.type = Scalar.BLOCK_LITERAL;
  else if (isScalar(written) && typeof value !== 'string') written.type = undefined;
  else if (isScalar(written) && written.type?.startsWith('BLOCK')) written.type = undefined;
  if (written && typeof written === 'object' && isShort(value)) (written as YAMLMap).flow = true;
}

const isShort = (value: unknown) => value instanceof Object && JSON.stringify(value).length <= 90 && !hasLines(value);
const hasLines = (value: unknown) => JSON.stringify(value).includes('\\n');

/** Puts lists and objects where the path needs them and the document has none. */
function makeRoom(document: Document, path: Path) {
  if (document.contents === null) document.contents = new YAMLMap() as Document['contents'];
  path.slice(0, -1).forEach((_, index) => {
    const at = path.slice(0, index + 1);
    const there = document.getIn(at, true);
    if (isMap(there) || isSeq(there)) return;
    document.setIn(at, typeof path[index + 1] === 'number' ? new YAMLSeq() : new YAMLMap());
  });
  if (path[0] === 'input' || path[0] === 'name') moveUp(document, String(path[0]));
}

/** A new `input` stands before the nodes, and a new `name` at the top. */
function moveUp(document: Document, section: string) {
  const items = isMap(document.contents) ? document.contents.items : [];
  const keyOf = (index: number) => {
    const key = items[index]?.key;
    return isScalar(key) ? key.value : key;
  };
  const last = items.length - 1;
  const nodes = items.findIndex((_, index) => keyOf(index) === 'nodes');
  const target = section === 'name' ? 0 : nodes;
  const pair = items[last];
  if (pair && keyOf(last) === section && target >= 0 && target < last) {
    items.splice(last, 1);
    items.splice(target, 0, pair);
  }
}

/** A text of several lines cannot stand in braces. */
function openUp(document: Document, path: Path) {
  path.slice(0, -1).forEach((_, index) => {
    const owner = document.getIn(path.slice(0, index + 1), true);
    if (isMap(owner) || isSeq(owner)) owner.flow = false;
  });
}

/** Removes a field, and the object or list around it if nothing is left in it. */
function removeAt(document: Document, path: Path) {
  if (!document.hasIn(path)) return;
  document.deleteIn(path);
  const owner = document.getIn(path.slice(0, -1), true);
  const isEmpty = (isMap(owner) || isSeq(owner)) && owner.items.length === 0;
  if (isEmpty && path.length > 1 && path.at(-2) !== 'nodes') removeAt(document, path.slice(0, -1));
}

/** Gives a node another id, also in everything that refers to it. */
export function renameNode(text: string, key: string, id: string): string {
  return edit(text, (document) => {
    const node = nodeIn(document, key);
    if (!node) return;
    node.map.set('id', id);
    if (node.id) renameReferences(document, node.id, id);
  });
}

/** Gives a field of the input another name, also in everything that refers to it. */
export function renameInput(text: string, index: number, name: string): string {
  return edit(text, (document) => {
    const before = document.getIn(['input', index, 'name']);
    document.setIn(['input', index, 'name'], name);
    if (typeof before === 'string' && before) renameReferences(document, `api.${before}`, `api.${name}`);
  });
}

export function deleteNode(text: string, key: string): string {
  return edit(text, (document) => {
    const node = nodeIn(document, key);
    if (!node) return;
    node.list.items.splice(node.index, 1);
    if (node.id) forgetAfter(document, node.id);
  });
}

/** Where a new node goes: behind a node of its list, at the end of a container, or at the end of the workflow. */
export type Spot = { after: string } | { inside: string } | 'end';

/**
 * Adds nodes that are written as YAML: one, or a list. Ids that are taken get a number. Returns the new text and the id of
 * the first. With `connects`, the first waits for the node it is put behind; with `blanks`, a text that refers to something
 * that the document does not have is left for the author to fill in.
 */
export function addNodes(
  text: string,
  yaml: string,
  spot: Spot,
  { connects = false, blanks = false } = {},
): { text: string; id: string | null } {
  let first: string | null = null;
  const result = edit(text, (document) => {
    const added = parsed(yaml, document);
    if (blanks) for (const map of added) blankUnknown(map, document);
    const anchor = spot !== 'end' && 'after' in spot ? nodeIn(document, spot.after) : undefined;
    const list = anchor?.list ?? listAt(document, spot);
    list.flow = false;
    list.items.splice(anchor ? anchor.index + 1 : list.items.length, 0, ...added);
    first = added[0] ? String(added[0].get('id')) : null;
    if (connects && anchor && added[0] && !refersTo(added[0], anchor.id)) {
      added[0].set('after', document.createNode([anchor.id], { flow: true }));
    }
  });
  return { text: result, id: first };
}

function parsed(yaml: string, document: Document): YAMLMap[] {
  const { contents } = parseDocument(yaml);
  const maps = (isSeq(contents) ? contents.items : [contents]).filter(isMap) as YAMLMap[];
  const fragment = parseDocument('[]');
  fragment.contents = Object.assign(new YAMLSeq(), { items: maps }) as never;
  const taken = new Set(nodesIn(document).map((node) => node.id));
  visit(fragment, {
    Map(_, map) {
      if (!map.has('id') || !map.has('type')) return;
      const id = String(map.get('id'));
      const fresh = freshId(id, taken);
      taken.add(fresh);
      if (fresh === id) return;
      map.set('id', fresh);
      renameReferences(fragment, id, fresh);
    },
  });
  return maps;
}

function listAt(document: Document, spot: Spot): YAMLSeq {
  const container = spot !== 'end' && 'inside' in spot ? nodeIn(document, spot.inside) : undefined;
  const path: Path = [...(container?.path ?? []), 'nodes'];
  const list = document.getIn(path, true);
  if (isSeq(list)) return list;
  if (container) container.map.flow = false;
  makeRoom(document, [...path, 0]);
  return document.getIn(path, true) as YAMLSeq;
}

const refersTo = (map: YAMLMap, id: string) => new RegExp(`<\\s*${id}[.\\[>]`, 'i').test(String(map));

/** A node as YAML, to be copied. */
export function nodeText(text: string, key: string): string | null {
  let copied: string | null = null;
  edit(text, (document) => {
    const node = nodeIn(document, key);
    if (node) copied = fragment(node);
  });
  return copied;
}

function fragment({ map }: Found): string {
  const list = new YAMLSeq();
  list.items = [map as Node];
  const document = parseDocument('[]');
  document.contents = list as never;
  return document.toString({ lineWidth: 0 });
}

/** Puts a copy of a node behind it. */
export function duplicateNode(text: string, key: string): { text: string; id: string | null } {
  const copy = nodeText(text, key);
  return copy === null ? { text, id: null } : addNodes(text, copy, { after: key });
}

/** Moves a node one place up or down in its list. */
export function moveNode(text: string, key: string, by: 1 | -1): string {
  return edit(text, (document) => {
    const node = nodeIn(document, key);
    const target = (node?.index ?? 0) + by;
    if (!node || target < 0 || target >= node.list.items.length) return;
    const [moved] = node.list.items.splice(node.index, 1);
    node.list.items.splice(target, 0, moved);
  });
}

/** Makes a node wait for another one. */
export function connect(text: string, from: string, to: string): string {
  return edit(text, (document) => {
    const node = nodeIn(document, to);
    if (!node) return;
    const after = node.map.get('after', true);
    const names: unknown[] = isSeq(after) ? after.toJSON() : isScalar(after) && after.value ? [after.value] : [];
    if (!names.includes(from)) node.map.set('after', document.createNode([...names, from], { flow: true }));
  });
}
