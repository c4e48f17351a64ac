import type { Schemas } from '../../api/client';
import { formatAgo, formatDate } from '../../ui/format';

export type Key = Schemas['Key'];
export type KeyPhase = 'active' | 'ending' | 'ended';

const SOON = 14 * 86_400_000;

const time = (text: string | null) => (text === null ? Number.POSITIVE_INFINITY : new Date(text).getTime());

/** Whether a key works, works for a while yet, or no longer. */
export function phaseOf(key: Key, now = Date.now()): KeyPhase {
  if (Math.min(time(key.ends_at), time(key.expires_at)) <= now) return 'ended';
  if (key.ends_at !== null || time(key.expires_at) - now < SOON) return 'ending';
  return 'active';
}

/** The state in words: "Active", "Works 21 h more", "Expires in 6 d", "Replaced", "Revoked", "Expired". */
export function stateWord(key: Key, replaced: boolean, now = Date.now()): string {
  const left = (text: string) => formatAgo(text, now).replace('in ', '');
  switch (phaseOf(key, now)) {
    case 'active':
      return 'Active';
    case 'ending':
      return key.ends_at ? `Works ${left(key.ends_at)} more` : `Expires in ${left(key.expires_at ?? '')}`;
    case 'ended':
      if (time(key.expires_at) <= Math.min(now, time(key.ends_at))) return 'Expired';
      return replaced ? 'Replaced' : 'Revoked';
  }
}

/** "60 / min · 10 in one go · 5 at once"; "none" without limits. */
export function limitsText(key: Pick<Key, 'limits' | 'budget'>): string {
  const { limits, budget } = key;
  const parts = [
    limits && `${limits.requests_per_minute.toLocaleString('en-US')} / min`,
    limits && limits.burst !== limits.requests_per_minute && `${limits.burst} in one go`,
    limits?.concurrent_runs && `${limits.concurrent_runs} at once`,
    budget && budgetText(budget),
  ];
  return parts.filter(Boolean).join(' · ') || 'none';
}

export function budgetText({ max_cost_usd, max_tokens, per }: Schemas['KeyBudget']): string {
  const parts = [
    max_cost_usd !== null && `$${max_cost_usd}`,
    max_tokens !== null && `${max_tokens.toLocaleString('en-US')} tokens`,
  ];
  return `${parts.filter(Boolean).join(', ')} a ${per}`;
}

/** "1 Jan 2027, in 336 d" */
export const expiryText = (key: Pick<Key, 'expires_at'>) =>
  key.expires_at ? `${formatDate(key.expires_at)}, ${formatAgo(key.expires_at)}` : 'never';

export function workflowsText(workflows: Key['workflows'], nameOf: (id: string) => string): string {
  if (workflows === '*') return 'All workflows';
  const names = workflows.map(nameOf);
  return names.length > 3 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more` : names.join(', ');
}
