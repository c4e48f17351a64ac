import { referencesIn } from '../document/references';
import type { Suggestion } from '../suggestions';

const MAX_SUGGESTIONS = 60;

/** The reference that is being typed: what stands between the last `<` and the caret. */
export function beginning(text: string, caret: number): { at: number; text: string } | null {
  const at = text.lastIndexOf('<', caret - 1);
  const typed = at < 0 ? null : text.slice(at + 1, caret);
  return typed !== null && /^[\w.[\]-]*$/.test(typed) ? { at, text: typed } : null;
}

export function matching(all: Suggestion[], typed: string): Suggestion[] {
  const wanted = typed.toLowerCase();
  const starts = all.filter(({ path }) => path.toLowerCase().startsWith(wanted));
  const holds = all.filter(
    ({ path }) => path.toLowerCase().includes(wanted) && !starts.some((other) => other.path === path),
  );
  return [...starts, ...holds].filter(({ path }) => path !== typed).slice(0, MAX_SUGGESTIONS);
}

/** The text with a reference in place of what was begun, at the caret. */
export function completed(text: string, begun: { at: number }, caret: number, path: string) {
  const reference = `<${path}>`;
  const rest = text.slice(caret).replace(/^>/, '');
  return { text: text.slice(0, begun.at) + reference + rest, caret: begun.at + reference.length };
}

/** The text with a reference at the caret, or after the one that the caret is in; both are in the result. */
export function withReference(text: string, caret: number, path: string): { text: string; caret: number } {
  const around = referencesIn(text).find(({ start, end }) => start < caret && caret < end);
  const at = around?.end ?? caret;
  const reference = `<${path}>`;
  return { text: text.slice(0, at) + reference + text.slice(at), caret: at + reference.length };
}
