/**
 * What the browser keeps: for this tab, or for this browser. One that keeps nothing (where site data is switched off, even
 * naming it throws) or has no room left is no error: a page then knows things until it is reloaded.
 */
type Where = 'tab' | 'browser';

const storageOf = (where: Where) => (where === 'tab' ? sessionStorage : localStorage);

export function readText(where: Where, name: string): string | null {
  try {
    return storageOf(where).getItem(name);
  } catch {
    return null;
  }
}

/** Keeps a text; null forgets it. */
export function writeText(where: Where, name: string, text: string | null) {
  try {
    if (text === null) storageOf(where).removeItem(name);
    else storageOf(where).setItem(name, text);
  } catch {
    // As said above.
  }
}

/** Returns null for what is not there, or cannot be read. */
export function readValue<Value>(where: Where, name: string): Value | null {
  try {
    return JSON.parse(readText(where, name) ?? 'null');
  } catch {
    return null;
  }
}

export const writeValue = (where: Where, name: string, value: unknown) =>
  writeText(where, name, value === null ? null : JSON.stringify(value));
