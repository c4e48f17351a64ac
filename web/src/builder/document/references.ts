import { type Document, isMap, isPair, isScalar, type Node, Scalar, visit, type YAMLMap } from 'yaml';
import { nodesIn } from './nodes';

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Makes every reference to a node, and every `after` that names it, name another one. */
export function renameReferences(document: Document, from: string, to: string) {
  const inText = new RegExp(`<(\\s*)${escaped(from)}(?=[\\s.\\[>])`, 'gi');
  const inAfter = new RegExp(`^${escaped(from)}(?=\\.|$)`, 'i');
  visit(document, {
    Scalar(key, scalar, path) {
      if (typeof scalar.value !== 'string' || key === 'key' || isRaw(path)) return;
      const isAfter = path.some((step) => isPair(step) && isScalar(step.key) && step.key.value === 'after');
      const text = scalar.value.replace(inText, `<$1${to}`);
      setText(scalar, isAfter ? text.replace(inAfter, to) : text);
    },
  });
}

function setText(scalar: Scalar, text: string) {
  if (text !== scalar.value) scalar.value = text;
}

/** Whether a text is marked as one that is never scanned: `{ raw: … }`. */
function isRaw(path: readonly unknown[]): boolean {
  const [map, pair] = path.slice(-2);
  if (!isMap(map) || !isPair(pair) || map.items.length !== 1) return false;
  const name = isScalar(pair.key) ? pair.key.value : pair.key;
  return name === 'raw' || name === '$raw';
}

/** Takes a node out of every `after`; one that names nothing else is removed. */
export function forgetAfter(document: Document, id: string) {
  const names = new RegExp(`^${escaped(id)}(\\.|$)`, 'i');
  const isIt = (node: unknown) => isScalar(node) && typeof node.value === 'string' && names.test(node.value);
  visit(document, {
    Map(_, map) {
      const after = map.get('after', true) as Node | undefined;
      if (isIt(after)) map.delete('after');
      else if (after && 'items' in after && Array.isArray(after.items)) {
        const rest = after.items.filter((item: unknown) => !isIt(item));
        if (rest.length === 0) map.delete('after');
        else if (rest.length < after.items.length) after.items = rest;
      }
    },
  });
}

/** Empties the texts of a new node that refer to what the document does not have, and forgets whom it waits for. */
export function blankUnknown(node: YAMLMap, document: Document) {
  const known = new Set(nodesIn(document).map(({ id }) => id.toLowerCase()));
  const inputs = inputsOf(document);
  const isKnown = (path: string) => {
    const [first = '', second = ''] = path.toLowerCase().split(/[.[\]]/);
    if (first === 'api') return inputs === null || inputs.has(second);
    return ['loop', 'parallel', 'variable'].includes(first) || known.has(first) || own.has(first);
  };
  const own = new Set<string>();
  visit(node, {
    Map(_, map) {
      if (map.has('type')) own.add(String(map.get('id')).toLowerCase());
      const after = map.get('after');
      if (after && typeof after === 'object') map.delete('after');
    },
  });
  visit(node, {
    Scalar(key, scalar) {
      if (key === 'key' || typeof scalar.value !== 'string') return;
      if (referencesIn(scalar.value).every(({ path }) => isKnown(path))) return;
      scalar.value = '';
      scalar.type = Scalar.QUOTE_DOUBLE;
    },
  });
}

/** Null: callers may send what they want. */
function inputsOf(document: Document): Set<string> | null {
  const fields = (document.toJS() as { input?: unknown } | null)?.input;
  if (!Array.isArray(fields) || fields.length === 0) return null;
  return new Set(fields.map((field) => String(field?.name).toLowerCase()));
}

/** The references in a text, with where they stand. */
export function referencesIn(text: string): { start: number; end: number; path: string }[] {
  return [...text.matchAll(/<([A-Za-z0-9_-]+(?:[.[][^<>\n]{0,200})?)>/g)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    path: match[1] as string,
  }));
}
