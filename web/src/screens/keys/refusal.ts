import type { Key } from './keyState';

/** Why a call with a right key was refused, by the API's code. Others are shown as they are. */
const WORDS: Record<string, string> = {
  forbidden: 'the key lacks the scope that the call needs',
  foreign_origin: 'the page’s origin is not among those of the key',
  gone: 'the run was not to be saved, and is wiped',
  idempotency_mismatch: 'its Idempotency-Key was used with another body before',
  invalid_input: 'something in the request is wrong; its answer names each field',
  key_not_found: 'there is no such key',
  loop_detected: 'too many runs have each started the next',
  method_not_found: 'the protocol has no such method',
  not_published: 'the workflow has no published version',
  rate_limited: 'a limit of the key was used up',
  run_not_found: 'the run does not exist, or the key is not for its workflow',
  still_running: 'the run with the same Idempotency-Key has not ended',
  too_large: 'the body was too large',
  unauthorized: 'the key had expired, or was revoked or replaced',
  unsupported_encoding: 'the body was compressed',
  unsupported_version: 'the protocol’s version is not one that this server speaks',
  workflow_not_found: 'the workflow does not exist, or the key is not for it',
};

/** "the key lacks the scope that the call needs (forbidden)" */
export const refusalText = (code: string) => (WORDS[code] ? `${WORDS[code]} (${code})` : code);

/** What came of the last call that is known of: the server notes both times, each at most once a minute. */
export function lastAnswer(key: Pick<Key, 'last_used_at' | 'last_refused'>): 'none' | 'used' | 'refused' {
  const { last_used_at: used, last_refused: refused } = key;
  if (refused && (!used || Date.parse(used) <= Date.parse(refused.at))) return 'refused';
  return used ? 'used' : 'none';
}
