/** What this page reads of an OpenAPI document. */

export type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  default?: unknown;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  [limit: string]: unknown;
};

export type Content = Record<string, { schema?: Schema }>;
export type Parameter = { name: string; in: string; description?: string; required?: boolean; schema?: Schema };
export type Answer = { description: string; content?: Content };

export type Operation = {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  parameters?: Parameter[];
  requestBody?: { description?: string; required?: boolean; content: Content };
  responses: Record<string, Answer>;
};

type Paths = Record<string, Record<string, Operation>>;

export type ApiDocument = {
  info: { title: string; version: string; description?: string };
  servers?: { url: string }[];
  tags?: { name: string; description?: string }[];
  paths: Paths;
  webhooks?: Paths;
  components: {
    schemas: Record<string, Schema>;
    securitySchemes?: Record<string, { description?: string; type: string; name?: string; in?: string }>;
  };
};

/** An operation and where it is. A webhook has no path: the server calls. */
export type Entry = { method: string; path: string | null; operation: Operation };
export type Section = { name: string; description?: string; entries: Entry[] };

/** The operations by their first tag, in the order of the document's tags; webhooks come last. */
export function sections(document: ApiDocument): Section[] {
  const all: Section[] = (document.tags ?? []).map((tag) => ({ ...tag, entries: [] }));
  const add = (name: string, entry: Entry) => {
    const known = all.find((section) => section.name === name);
    if (known) known.entries.push(entry);
    else all.push({ name, entries: [entry] });
  };
  for (const { path, method, operation } of operations(document.paths)) {
    add(operation.tags[0] ?? 'Other', { method, path, operation });
  }
  for (const { method, operation } of operations(document.webhooks ?? {})) {
    add('Webhooks that are sent', { method, path: null, operation });
  }
  return all.filter(({ entries }) => entries.length > 0);
}

function operations(paths: Paths) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

/** The sections that have an operation with all words in its summary, path, method or id. */
export function search(all: Section[], text: string): Section[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ method, path, operation }: Entry) => {
    const searched = `${method} ${path ?? ''} ${operation.summary} ${operation.operationId}`.toLowerCase();
    return words.every((word) => searched.includes(word));
  };
  const found = all.map((section) => ({ ...section, entries: section.entries.filter(fits) }));
  return found.filter(({ entries }) => entries.length > 0);
}

const REFERENCE = '#/components/schemas/';

export const nameOf = (schema: Schema) =>
  schema.$ref?.startsWith(REFERENCE) ? schema.$ref.slice(REFERENCE.length) : null;

export function resolve(document: ApiDocument, schema: Schema): Schema {
  const name = nameOf(schema);
  return (name && document.components.schemas[name]) || schema;
}

/** The type in a few words: `Run`, `array of string`, `string (date-time) or null`. */
export function typeOf(schema: Schema): string {
  const name = nameOf(schema);
  if (name) return name;
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return [...new Set(choices.map(typeOf))].join(' or ');
  if (schema.allOf) return schema.allOf.map(typeOf).join(' and ');
  if (schema.type === 'array') return `array of ${schema.items ? typeOf(schema.items) : 'anything'}`;
  const format = schema.format ? ` (${schema.format})` : '';
  if (Array.isArray(schema.type)) return `${schema.type.join(' or ')}${format}`;
  if (schema.type) return `${schema.type}${format}`;
  return schema.properties ? 'object' : 'anything';
}

const LIMITS = ['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'pattern', 'default'];

/** Limits and allowed values, each a few words. */
export function limitsOf(schema: Schema): string[] {
  const limits = LIMITS.filter((name) => schema[name] !== undefined && schema[name] !== null);
  const values = schema.enum ? [`one of ${schema.enum.map((value) => JSON.stringify(value)).join(', ')}`] : [];
  return [...values, ...limits.map((name) => `${name} ${JSON.stringify(schema[name])}`)];
}

/** The schemas within it that a reader may open: of a list its items, of a map its values. */
export function partsOf(schema: Schema): Schema[] {
  const { items, additionalProperties: values } = schema;
  const lists = [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  return [...lists, ...(items ? [items] : []), ...(typeof values === 'object' ? [values] : [])];
}

/** Whether opening it shows more than its type and limits do. */
export function hasDetails(document: ApiDocument, schema: Schema): boolean {
  const resolved = resolve(document, schema);
  const isNamed = resolved !== schema;
  const fields = Object.keys(resolved.properties ?? {}).length;
  const says = isNamed && (resolved.description !== undefined || resolved.enum !== undefined);
  return fields > 0 || says || partsOf(resolved).some((part) => nameOf(part) !== null || hasDetails(document, part));
}
