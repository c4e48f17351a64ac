import { type Document, parseDocument } from 'yaml';
import { carryOver } from './carryOver';

/** Long lines stay on one line, as their author wrote them. */
const OPTIONS = { lineWidth: 0 } as const;

/** The text is neither YAML nor JSON, so that forms cannot edit it. */
export class Unreadable extends Error {
  override name = 'Unreadable';
}

/** Reads a document; throws `Unreadable`. */
export function read(text: string): Document {
  const document = parseDocument(text, { uniqueKeys: false, version: '1.2' });
  const error = document.errors[0];
  if (error) throw new Unreadable(error.message.split('\n')[0]);
  return document;
}

/** The value of a document, or null if it cannot be read. */
export function plain(text: string): Record<string, unknown> | null {
  try {
    const value = read(text).toJS();
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return null;
  }
}

/**
 * Changes a document and writes it again. Comments stay, and so does the author's layout wherever nothing changed: the
 * change is made to the library's own layout, and then carried over to the text line by line.
 */
export function edit(text: string, change: (document: Document) => void): string {
  const document = read(text);
  const before = document.toString(OPTIONS);
  change(document);
  if (isJson(text)) return `${JSON.stringify(document.toJS(), null, 2)}\n`;
  const after = document.toString(OPTIONS);
  if (before === text || before === after) return before === after ? text : after;
  return patched(text, before, after) ?? after;
}

const isJson = (text: string) => /^\s*[{[]/.test(text);

function patched(text: string, before: string, after: string): string | null {
  const result = carryOver(text, before, after);
  if (result === null) return null;
  const [got, wanted] = [plain(result), plain(after)];
  return got !== null && JSON.stringify(got) === JSON.stringify(wanted) ? result : null;
}

export const toText = (document: Document) => document.toString(OPTIONS);
