/** Makes the id and the document of a new workflow. */

/** An id out of a name: `Support reply (v2)` gives `support-reply-v2`. */
export function idOf(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64)
    .replace(/-+$/, '');
}

const RESERVED = ['import', 'invoke', 'validate'];

/** What is wrong with an id; null if nothing is. */
export function wrongId(id: string, taken: readonly string[]): string | null {
  if (!id) return 'Callers use it in the URL: give it one.';
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id)) return 'A letter or digit, then up to 63 letters, digits, - or _.';
  if (RESERVED.includes(id)) return `${id} is reserved.`;
  if (taken.includes(id)) return 'A workflow with this id exists.';
  return null;
}

const FOREIGN = ['connections', 'edges', 'blocks', 'state', 'kind', 'app', 'graph', 'flow'];

/** Whether a file is a document of Flowgate, and not an export of another system. */
export function isOwn(document: string): boolean {
  if (document.includes('"processorType"')) return false;
  const keys = topKeys(document);
  return !keys.some((key) => FOREIGN.includes(key)) && (keys.length === 0 || keys.includes('nodes'));
}

function topKeys(document: string): string[] {
  if (!/^\s*[[{]/.test(document))
    return [...document.matchAll(/^["']?([\w-]+)["']?\s*:/gm)].map((found) => found[1] ?? '');
  try {
    const value = JSON.parse(document);
    return Array.isArray(value) ? ['edges'] : Object.keys(value);
  } catch {
    return [];
  }
}

/** A text as a YAML scalar, quoted where it must be. */
const scalar = (text: string) => (/^[A-Za-z][\w .,()-]*[\w.)]$/.test(text) ? text : JSON.stringify(text));

/** Returns the document with the name; the rest of its text stays as it is. */
export function withName(document: string, name: string): string {
  if (document.trimStart().startsWith('{')) return withJsonName(document, name);
  const line = `name: ${scalar(name)}`;
  if (/^name:.*$/m.test(document)) return document.replace(/^name:.*$/m, () => line);
  return `${line}\n${document}`;
}

function withJsonName(document: string, name: string): string {
  try {
    return JSON.stringify({ ...JSON.parse(document), name }, null, 2);
  } catch {
    return document;
  }
}

/** The name that a document has; null where it has none. */
export function nameIn(document: string): string | null {
  const found = /^\s*"?name"?\s*:\s*(.+?)\s*,?\s*$/m.exec(document)?.[1];
  return found?.replace(/^(["'])(.*)\1$/, '$2') ?? null;
}

/** An example's text without the remarks above its name, which speak of the command line. */
export const withoutHead = (document: string) => document.replace(/^(?:#.*\n|\s*\n)+/, '');
