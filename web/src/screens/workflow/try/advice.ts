/** What to do about a start that was refused, as a sentence for a person. */
import type { ApiError } from '../../../api/client';

const OF_REFUSAL: Record<string, string> = {
  invalid_input: 'Correct the marked fields.',
  invalid_document: 'The draft has errors. Correct them in the builder.',
  not_published: 'Nothing is published. Choose the draft, or publish it first.',
  version_not_found: 'This version does not exist. Choose another one.',
  forbidden: 'An admin can make a key that has this scope.',
  rate_limited: 'The key’s limit is reached. Try again when its time is over.',
  overloaded: 'The server has no room for a run now. Try again in some seconds.',
  loop_detected: 'The workflow starts itself. Look for a call to its own address.',
  offline: 'Is the server running? Whether the run was started shows the list of runs.',
};

export const adviceOfRefusal = (error: ApiError): string | null => OF_REFUSAL[error.code] ?? null;
