import type { FieldSpec, Kind } from '../../api/documents';

const MODEL = /\b[a-z][a-z0-9_-]*\/[a-z][\w.:@-]*\w/g;
const CALLED = /\bmodels?:\s*(\[[^\]\n]*\]|[^\s,}#]+)/g;

/** Models to choose from: those that the server's own words about the field name, and those of the document. */
export function modelsFor(field: FieldSpec, kind: Kind | undefined, text: string): string[] {
  if (field.name !== 'model' && field.name !== 'models') return [];
  const used = [...text.matchAll(CALLED)].flatMap((match) => match[1]?.match(MODEL) ?? []);
  const known = `${field.help}\n${kind?.example ?? ''}`.match(MODEL) ?? [];
  return [...new Set([...used, ...known])].filter((model) => !PLACEHOLDERS.has(model)).sort();
}

const PLACEHOLDERS = new Set(['provider/model', 'owner/name', 'owner/name:version']);
