import { type Document, isMap, isSeq, type YAMLMap } from 'yaml';
import { edit, read } from './edit';
import { type Found, nodeIn } from './nodes';
import { isSame, type Unit, unitsOf } from './units';

export type Choice = 'mine' | 'theirs';

/** A part that both have changed, each in their own way. */
export type Conflict = { key: string; name: string; mine: Unit | null; theirs: Unit | null };

/**
 * Puts my changes since `base` into their text, part by part. What both changed differently is a conflict; until it is
 * decided, their version stands.
 */
export function merge(
  base: string,
  mine: string,
  theirs: string,
  choices: Record<string, Choice> = {},
): { text: string; conflicts: Conflict[] } {
  const [was, own, other] = [unitsOf(base), unitsOf(mine), unitsOf(theirs)];
  const keys = [...new Set([...own.keys(), ...was.keys()])];
  const changed = keys.filter((key) => !isSame(was.get(key), own.get(key)));
  const conflicts = changed
    .filter((key) => !isSame(was.get(key), other.get(key)) && !isSame(own.get(key), other.get(key)))
    .map((key) => conflict(key, own.get(key), other.get(key)));
  const disputed = new Set(conflicts.map(({ key }) => key));
  const taken = changed.filter((key) => (disputed.has(key) ? choices[key] === 'mine' : true));
  const source = read(mine);
  const text = edit(theirs, (document) => {
    for (const key of taken) carry(source, document, key, own.get(key));
  });
  return { text, conflicts: conflicts.filter(({ key }) => choices[key] === undefined) };
}

function conflict(key: string, mine: Unit | undefined, theirs: Unit | undefined): Conflict {
  return { key, name: (mine ?? theirs)?.name ?? key, mine: mine ?? null, theirs: theirs ?? null };
}

/** Makes one part of the target what it is in the source. */
function carry(source: Document, target: Document, key: string, unit: Unit | undefined) {
  const [type, name] = [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)];
  if (type === 'section') {
    if (unit) target.setIn([name], source.getIn([name], true));
    else target.deleteIn([name]);
    return;
  }
  const there = nodeIn(target, name);
  const here = unit && nodeIn(source, name);
  if (!here) {
    there?.list.items.splice(there.index, 1);
    return;
  }
  if (there && there.parent === here.parent) replaceOwn(there.map, here.map);
  else insert(target, here, there);
}

/** A container keeps the nodes that it holds: they are parts of their own. */
function replaceOwn(target: YAMLMap, source: YAMLMap) {
  const held = target.items.find((pair) => String(pair.key) === 'nodes');
  const own = source.items.filter((pair) => String(pair.key) !== 'nodes');
  target.items = held ? [...own, held] : own;
  if (!source.flow) target.flow = false;
}

/** Puts a node behind the one that it stands behind in the source. */
function insert(target: Document, node: Found, old: Found | undefined) {
  old?.list.items.splice(old.index, 1);
  const before = node.index > 0 ? (node.list.items[node.index - 1] as YAMLMap) : undefined;
  const anchor = before && nodeIn(target, String(before.get('id')));
  const list = anchor?.list ?? listOf(target, node.parent);
  if (!list) return;
  list.items.splice(anchor ? anchor.index + 1 : 0, 0, node.map);
}

function listOf(document: Document, parent: string | null) {
  const owner = parent === null ? document.contents : nodeIn(document, parent)?.map;
  const list = isMap(owner) ? owner.get('nodes', true) : undefined;
  return isSeq(list) ? list : undefined;
}
