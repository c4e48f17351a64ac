/** Verifies that a webhook comes from the server. */

import { Webhook, WebhookVerificationError } from 'standardwebhooks';

export { WebhookVerificationError };

/**
 * The content of a webhook, once one of the workflow's signing secrets has signed it in the last five minutes. `body` is what
 * was received, before any parsing. `null` for a webhook without a body. Throws `WebhookVerificationError`.
 */
export function verifyWebhook(
  secrets: string | string[],
  body: string,
  headers: Headers | Record<string, string | string[] | undefined>,
): unknown {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const sent = Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]));
  for (const secret of [secrets].flat()) {
    try {
      new Webhook(secret).verify(body, sent, { jsonParse: false });
      return body === '' ? null : JSON.parse(body);
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
    }
  }
  throw new WebhookVerificationError('none of the secrets signed it');
}
