/**
 * The form of a workflow's input: what is typed, as text, and how it becomes the JSON that is sent. A field that is left
 * empty is left out, so that its default holds.
 */
import type { InterfaceInput } from '../../../api/workflow';

/** What stands in each control, by the name of its field. A file is kept as the JSON of its value. */
export type Entries = Record<string, string>;

export type Reading = { input: Record<string, unknown>; errors: Record<string, string> };

export function readEntries(fields: InterfaceInput[], entries: Entries): Reading {
  const reading: Reading = { input: {}, errors: {} };
  for (const field of fields) {
    const text = entries[field.name] ?? '';
    if (text === '') {
      if (field.required) reading.errors[field.name] = 'This field is required.';
      continue;
    }
    try {
      reading.input[field.name] = parse(field, text);
    } catch (error) {
      reading.errors[field.name] = (error as Error).message;
    }
  }
  return reading;
}

function parse(field: InterfaceInput, text: string): unknown {
  if (field.enum && field.type !== 'string') return JSON.parse(text);
  switch (field.type) {
    case 'number':
      return parseNumber(text);
    case 'boolean':
      return text === 'true';
    case 'object':
      return parseJson(text, 'an object, such as { "key": "value" }', isObject);
    case 'array':
      return parseJson(text, 'a list, such as [1, 2]', Array.isArray);
    case 'file':
      return parseFile(text);
    default:
      return text;
  }
}

function parseNumber(text: string): number {
  const number = Number(text.trim());
  if (text.trim() === '' || !Number.isFinite(number)) throw new Error('Give a number, such as 3 or 0.5.');
  return number;
}

function parseJson(text: string, wanted: string, fits: (value: unknown) => boolean): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${(error as Error).message}.`);
  }
  if (!fits(value)) throw new Error(`Give ${wanted}.`);
  return value;
}

/** A file is an uploaded file's value, or a text: a URL. */
function parseFile(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return text;
  return parseJson(text, 'a file', (value) => isObject(value) || Array.isArray(value));
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the controls show for an input; the inverse of `readEntries`. */
export function entriesOf(fields: InterfaceInput[], input: Record<string, unknown>): Entries {
  const entries: Entries = {};
  for (const field of fields) {
    if (field.name in input) entries[field.name] = entryOf(field, input[field.name]);
  }
  return entries;
}

function entryOf(field: InterfaceInput, value: unknown): string {
  if (typeof value === 'string' && (field.type === 'string' || field.type === 'file')) return value;
  return JSON.stringify(value, null, 2);
}

/** The authors' examples; null if there are none. */
export function exampleInput(fields: InterfaceInput[]): Record<string, unknown> | null {
  const given = fields.filter((field) => field.value !== undefined);
  return given.length ? Object.fromEntries(given.map((field) => [field.name, field.value])) : null;
}

/** How a default is written beside its field. */
export function writeDefault(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** The errors of a refusal (`/input/name`), by the name of the field. */
export function fieldErrors(errors: { pointer: string; message: string }[] | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { pointer, message } of errors ?? []) {
    const name = pointer.split('/')[2]?.replaceAll('~1', '/').replaceAll('~0', '~');
    if (pointer.startsWith('/input/') && name) found[name] = `It ${message}.`;
  }
  return found;
}
