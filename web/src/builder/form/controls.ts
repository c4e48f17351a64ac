import type { FieldSpec } from '../../api/documents';

/** Which control edits a field. */
export type Control =
  | 'text'
  | 'long text'
  | 'words'
  | 'number'
  | 'choice'
  | 'yaml'
  | 'fields'
  | 'items'
  | 'texts'
  | 'text list'
  | 'after'
  | 'on error'
  | 'none';

const LONG = new Set(['prompt', 'system', 'template', 'code', 'text', 'message', 'html', 'body', 'python']);

const CONTROLS: Record<string, Control> = {
  any: 'yaml',
  words: 'words',
  code: 'long text',
  text: 'text',
  boolean: 'choice',
  integer: 'number',
  number: 'number',
  number_ref: 'text',
  integer_ref: 'text',
  duration: 'words',
  object: 'yaml',
  fields: 'fields',
  list: 'yaml',
  items: 'items',
  items_ref: 'items',
  text_list: 'text list',
  texts: 'texts',
  one_of: 'choice',
  method: 'choice',
  statuses: 'yaml',
  after: 'after',
  each: 'text',
  count: 'text',
  json_schema: 'yaml',
  on_error: 'on error',
  id: 'none',
  kind: 'none',
  nodes: 'none',
  nothing: 'none',
};

/** The control of a field for the value that it has: one that a form cannot show is edited as YAML. */
export function controlOf(field: FieldSpec, value: unknown): Control {
  const control = CONTROLS[field.type] ?? 'yaml';
  if (control === 'text' && LONG.has(field.name)) return fits('text', value) ? 'long text' : 'yaml';
  return fits(control, value) ? control : 'yaml';
}

const isScalar = (value: unknown) => value === null || typeof value !== 'object';
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

function fits(control: Control, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  switch (control) {
    case 'fields':
      return isObject(value);
    case 'items':
      return Array.isArray(value) && value.every(isObject);
    case 'texts':
      return isObject(value) && Object.values(value).every(isScalar);
    case 'text list':
    case 'after':
      return isScalar(value) || (Array.isArray(value) && value.every(isScalar));
    case 'yaml':
    case 'none':
    case 'on error':
      return true;
    default:
      return isScalar(value);
  }
}

/** What a typed text means for a field: a number where it takes one, else the text; nothing where it is empty. */
export function parsed(field: FieldSpec, text: string): unknown {
  if (text === '') return undefined;
  const isNumber = ['number', 'integer', 'number_ref', 'integer_ref', 'count'].includes(field.type);
  return isNumber && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** The choices of a field; the first one leaves it out. */
export function choicesOf(field: FieldSpec): { value: string; label: string }[] {
  const values = field.type === 'boolean' ? ['true', 'false'] : (field.values ?? []);
  const none = field.default ? `${field.default} (default)` : field.required ? 'choose…' : 'not set';
  return [{ value: '', label: none.replace(/`/g, '') }, ...values.map((value) => ({ value, label: value }))];
}

export const chosen = (field: FieldSpec, value: string): unknown => {
  if (value === '') return undefined;
  return field.type === 'boolean' ? value === 'true' : value;
};

const COMMON = new Set(
  'model prompt tools schema url method headers query body template code variables each count while until result branches width action workflow input message timeout retry on_error after'.split(
    ' ',
  ),
);

/** Those that are shown at once: what must be set, what is set, and what most authors set. */
export function isCommon(field: FieldSpec, owner: Record<string, unknown>): boolean {
  const others = field.one_of_fields ?? field.any_of_fields;
  if (owner[field.name] !== undefined) return true;
  // Where another one of them is set, or is the usual one, this one is not needed.
  if (others?.some((name) => owner[name] !== undefined)) return false;
  if (others?.some((name) => COMMON.has(name))) return COMMON.has(field.name);
  if (others) return true;
  return field.required || COMMON.has(field.name);
}

/** Two of them stand side by side. */
export const isShort = (field: FieldSpec, value: unknown) =>
  ['number', 'choice', 'words'].includes(controlOf(field, value));

/** `max_turns` as people read it. */
export const labelOf = (name: string) => {
  const words = name.replace(/_/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Help is Markdown of one line; this is its text. */
export const helpOf = (field: FieldSpec) => plainText(field.help);

const plainText = (markdown: string) => markdown.replace(/`([^`]*)`/g, '$1').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');

const SHOWN_AS_FORM = new Set(['fields', 'items', 'items_ref', 'on_error']);
const SHAPE = /`[[{][^`]*`/;

/** The help of a field in a form. What its value looks like as YAML is left out where the form itself shows it. */
export function formHelpOf(field: FieldSpec): string {
  const shape = SHOWN_AS_FORM.has(field.type) ? field.help.match(SHAPE) : null;
  if (shape?.index === undefined) return helpOf(field);
  const before = field.help.slice(0, shape.index).replace(/(?:[\s,:;]|\b(?:or|such as)\b)+$/, '');
  const after = field.help.slice(shape.index + shape[0].length).replace(/^(?:[\s,:;]|\bor\b)+/, '');
  return plainText(before || after);
}
