/** What to do about a refusal or a failed run, as a sentence for a person. */
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

const OF_RUN: Record<string, string> = {
  timeout: 'Give the node a longer timeout, or retry it.',
  connect: 'Is the address right, and the server up? A retry helps if it comes back.',
  connection_lost: 'A retry helps if this passes.',
  http_status: 'Open the run: its trace shows what the server answered.',
  refused_address: 'The operator of this server does not let workflows call this address.',
  unknown_secret: 'Store the secret under Secrets.',
  refused_secret: 'Let this workflow and this host use the secret, under Secrets.',
  unknown_model: 'Write the model as provider/model.',
  model_error: 'Open the run: its trace shows what the provider answered.',
  budget_exhausted: 'Raise the budget of the run, the workflow or the key, or wait for its next period.',
  max_turns: 'Raise max_turns, or tell the model to stop sooner.',
  schema_mismatch: 'Tell the model what the answer must look like, or loosen its schema.',
  code_error: 'Correct the code at the line that the message names.',
  code_timeout: 'Make the code do less, or raise its timeout.',
  invalid_json: 'Look at what the node was given: it is no JSON.',
  not_a_list: 'Look at what the node was given: it is no list.',
  value_too_large: 'Pass on less: pick the fields that are needed.',
  interrupted: 'Start it again. The call may have arrived; nothing is repeated by itself.',
  internal: 'This is an error in Flowgate. The server’s log has the cause.',
};

export const adviceOfRefusal = (error: ApiError): string | null => OF_REFUSAL[error.code] ?? null;

export const adviceOfFailure = (code: string): string | null => OF_RUN[code] ?? null;
