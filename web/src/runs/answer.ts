/** The form of a question: its fields as texts that are edited, and the answer as the API takes it. */
import type { Schemas } from '../api/client';

type Field = Schemas['QuestionField'];
export type Control = 'text' | 'long' | 'number' | 'switch' | 'json';
const LONG = 60;

export function controlOf({ type, value }: Field): Control {
  if (type === 'boolean') return 'switch';
  if (type === 'number' || type === 'integer') return 'number';
  if (type !== 'string') return 'json';
  return typeof value === 'string' && (value.length > LONG || value.includes('\n')) ? 'long' : 'text';
}

export const toText = (field: Field): string => {
  if (field.value === undefined || field.value === null) return '';
  return typeof field.value === 'string' && field.type === 'string'
    ? field.value
    : JSON.stringify(field.value, null, 2);
};

/** Reads what was typed; fields that were not touched are left out, so that they keep their value. */
export function readAnswer(
  fields: Field[],
  texts: Record<string, string>,
): { data: Record<string, unknown>; problems: Record<string, string> } {
  const data: Record<string, unknown> = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const text = texts[field.name];
    if (text === undefined || text === toText(field)) continue;
    if (field.type === 'string') data[field.name] = text;
    else {
      try {
        data[field.name] = JSON.parse(text);
      } catch {
        problems[field.name] =
          field.type === 'number' || field.type === 'integer' ? 'This is not a number.' : 'This is not JSON.';
      }
    }
  }
  return { data, problems };
}

/** Reads an answer that may be any object. */
export function readObject(text: string): { data: Record<string, unknown> | null; problem: string | null } {
  if (!text.trim()) return { data: null, problem: null };
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      return { data: value as Record<string, unknown>, problem: null };
    }
  } catch {}
  return { data: null, problem: 'The answer is an object, as {"name": "Ada"}.' };
}
