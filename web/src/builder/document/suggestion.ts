import type { Problem } from '../../api/documents';

/** A word that the server would replace by another one. */
export type Suggestion = { wrong: string; right: string };

/** What a problem suggests: "unknown field `promt`; did you mean `prompt`?". */
export function suggestionOf({ message }: Pick<Problem, 'message'>): Suggestion | null {
  const [, wrong, right] = message.match(/`([^`]+)`[^`]*; did you mean `([^`]+)`\?/) ?? [];
  return wrong !== undefined && right !== undefined ? { wrong, right } : null;
}
