import { structuredPatch } from 'diff';
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

export type DiffLine =
  | { kind: 'same' | 'added' | 'removed'; before: number | null; after: number | null; text: string }
  | { kind: 'gap'; count: number };

/** The lines that differ, with three around them. `within` keeps those of one part. */
export function diffLines(before: string, after: string, within?: Change): DiffLine[] {
  const [old, now] = [slice(before, within?.before, within), slice(after, within?.after, within)];
  const patch = structuredPatch('', '', old.text, now.text, '', '', { context: 3 });
  const lines: DiffLine[] = [];
  let end = 1;
  for (const hunk of patch.hunks) {
    const skipped = hunk.oldStart - end;
    if (skipped > 0) lines.push({ kind: 'gap', count: skipped });
    lines.push(...numbered(hunk.lines, hunk.oldStart + old.offset, hunk.newStart + now.offset));
    end = hunk.oldStart + hunk.oldLines;
  }
  return lines;
}

function slice(text: string, unit: Unit | null | undefined, within: Change | undefined) {
  if (!within) return { text, offset: 0 };
  if (!unit) return { text: '', offset: 0 };
  const lines = text.split('\n').slice(unit.lines.first - 1, unit.lines.last);
  return { text: `${lines.join('\n')}\n`, offset: unit.lines.first - 1 };
}

function numbered(lines: string[], before: number, after: number): DiffLine[] {
  let [a, b] = [before, after];
  return lines
    .filter((line) => !line.startsWith('\\'))
    .map((line) => {
      const text = line.slice(1);
      if (line[0] === '-') return { kind: 'removed', before: a++, after: null, text };
      if (line[0] === '+') return { kind: 'added', before: null, after: b++, text };
      return { kind: 'same', before: a++, after: b++, text };
    });
}
