import { isSame, sorted, type Unit, unitsOf } from './units';

export type Change = {
  key: string;
  name: string;
  kind: string;
  how: 'added' | 'changed' | 'removed';
  /** The names of the fields that differ. */
  fields: string[];
  before: Unit | null;
  after: Unit | null;
};

/** What differs between two documents, by node and section, in the order of the new one; removed parts come last. */
export function changesOf(before: string, after: string): Change[] {
  const [old, now] = [unitsOf(before), unitsOf(after)];
  const here = [...now.values()].flatMap((unit) => {
    const was = old.get(unit.key);
    if (was && isSame(was, unit)) return [];
    return [change(was ?? null, unit)];
  });
  const gone = [...old.values()].filter((unit) => !now.has(unit.key)).map((unit) => change(unit, null));
  return [...here, ...gone];
}

function change(before: Unit | null, after: Unit | null): Change {
  const unit = (after ?? before) as Unit;
  const how = !before ? 'added' : after ? 'changed' : 'removed';
  return { key: unit.key, name: unit.name, kind: unit.kind, how, fields: fieldsOf(before, after), before, after };
}

function fieldsOf(before: Unit | null, after: Unit | null): string[] {
  const [a, b] = [entries(before), entries(after)];
  const names = [...new Set([...b.keys(), ...a.keys()])];
  return names.filter((name) => a.get(name) !== b.get(name)).filter((name) => name !== 'id' && name !== 'type');
}

/** Fields of a node, names of an output, fields of the input by their names. */
function entries(unit: Unit | null): Map<string, string> {
  const value = unit?.value;
  if (typeof value !== 'object' || value === null) return new Map();
  const pairs = Array.isArray(value)
    ? value.map((item, index) => [String((item as { name?: unknown })?.name ?? index + 1), item] as const)
    : Object.entries(value);
  return new Map(pairs.map(([name, item]) => [name, JSON.stringify(sorted(item))]));
}

/** One sentence about a change: "model, prompt", "confidence added". */
export function described({ how, fields, kind }: Change): string {
  if (how !== 'changed') return how === 'added' ? 'new' : 'removed';
  const shown = fields.slice(0, 4).join(', ') + (fields.length > 4 ? ` and ${fields.length - 4} more` : '');
  if (shown) return shown;
  return kind === 'input' || kind === 'output' ? 'order' : 'moved into another list';
}
