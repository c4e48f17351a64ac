/** What to do about a failure, by its code. The codes are those of docs/workflow.md. */

const ADVICE: Record<string, string> = {
  timeout: 'The other side was too slow. Raise `timeout`, or let `retry` try again.',
  connect: 'No connection came about. Check the address and that the server is up, then rerun from here.',
  connection_lost: 'The connection broke. A rerun from here makes the call again.',
  http_status: 'The server refused the call. Look at what came back; if it was a passing fault, rerun from here.',
  invalid_answer: 'The answer is not what its type says. Look at what came back.',
  refused_address: 'The address may not be called from this server. The operator decides which may.',
  unknown_secret: 'Store the secret under this name, then rerun from here.',
  refused_secret:
    'The secret may not be used by this workflow, or not be sent to this host. Change its hosts or workflows.',
  secrets_unavailable: 'The secret store did not answer. Rerun from here once it does.',
  unknown_model: 'Write the model as `provider/model`, with a provider that is configured.',
  model_error: 'The provider refused the call. Its message says why; limits pass, wrong models do not.',
  model_stream_cut: 'The answer broke off. A rerun from here asks again.',
  filter: "The provider's filter stopped the answer. Change the prompt or the input.",
  refusal: 'The model refused to answer. Change the prompt or the input.',
  budget_exhausted: 'The budget of the run or of its key is spent. Raise it, then rerun from here.',
  max_turns: 'The model still called tools in its last turn. Raise `max_turns`, or say in the prompt when to stop.',
  schema_mismatch: 'The answer does not fit the schema. Make the schema wider, or the prompt more exact.',
  code_error:
    'The code threw an error; the message names its line. Fix it in the builder and rerun on the new version.',
  code_timeout: 'The code was too slow. Make it do less, or split the work.',
  code_memory: 'The code used too much memory. Make it hold less at a time.',
  overloaded: 'The server had no place to compute. Rerun from here when it has less to do.',
  unknown_route: 'The model chose a route that does not exist. Give the router a `fallback`.',
  value_too_large: 'A value is over 4 MiB. Pass a file, or less of it.',
  invalid_input: 'The input is not what the workflow accepts. Edit it first.',
  not_pinned: 'The run was started without a version of this child. Publish it, then start again.',
  interrupted:
    'The server stopped while the call was open, and it may be made once at most. Check whether it took effect before you rerun.',
  too_many_iterations: 'There are more than 1,000 iterations. Cut the list.',
  internal: 'An error in Flowgate itself. The log of the server has its cause.',
};

export const adviceFor = (code: string): string =>
  ADVICE[code] ?? 'Look at what was sent and what came back. A rerun from here keeps all that succeeded before.';
