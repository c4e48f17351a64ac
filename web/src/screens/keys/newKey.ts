import type { Schemas } from '../../api/client';

/** The form of a new key, as typed. */
export type KeyForm = {
  name: string;
  workflows: '*' | string[];
  scopes: Schemas['KeyScope'][];
  expires: string;
  perMinute: string;
  burst: string;
  atOnce: string;
  maxCost: string;
  maxTokens: string;
  per: Schemas['BudgetPeriod'];
  origins: string;
};

export type KeyErrors = Partial<Record<keyof KeyForm, string>>;

export const EMPTY: KeyForm = {
  name: '',
  workflows: '*',
  scopes: ['run', 'read', 'cancel'],
  expires: '',
  perMinute: '',
  burst: '',
  atOnce: '',
  maxCost: '',
  maxTokens: '',
  per: 'month',
  origins: '',
};

/** The rights, and what each allows. */
export const SCOPES: { scope: Schemas['KeyScope']; allows: string }[] = [
  { scope: 'run', allows: 'Start runs; with read, replay them and send webhooks again' },
  { scope: 'read', allows: 'See runs: state, output, events, deliveries. Not what nodes were given' },
  { scope: 'cancel', allows: 'Cancel runs' },
  { scope: 'trace', allows: 'See what every node was given and gave: prompts, calls, results' },
  { scope: 'author', allows: 'Save, publish, roll back and delete workflows; signing secrets. Includes trace' },
  { scope: 'admin', allows: 'Everything, keys included' },
];

const whole = (text: string, least: number, most: number): number | null | string => {
  if (!text.trim()) return null;
  const number = Number(text.replaceAll(',', ''));
  const fits = Number.isInteger(number) && number >= least && number <= most;
  return fits ? number : `A whole number from ${least} to ${most.toLocaleString('en-US')}.`;
};

const money = (text: string): number | null | string => {
  if (!text.trim()) return null;
  const number = Number(text.replace(/^\$/, ''));
  return number >= 0 && number <= 1_000_000 ? number : 'Dollars, from 0 to 1,000,000.';
};

const originsIn = (text: string) => text.split(/[\s,]+/).filter(Boolean);

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text.replace(/\/$/, '');

function wrongOrigins(text: string): string | undefined {
  const origins = originsIn(text);
  const wrong = origins.find((origin) => !isOrigin(origin));
  if (wrong) return `${wrong} is no origin: scheme, host and port alone, as in https://app.example.com.`;
  return origins.length > 20 ? 'At most 20.' : undefined;
}

/** Returns the key to be made, or what is wrong with each field. */
export function readForm(form: KeyForm, now = Date.now()): { key: Schemas['NewKey'] } | { errors: KeyErrors } {
  const perMinute = whole(form.perMinute, 1, 1_000_000);
  const burst = whole(form.burst, 1, 1_000_000);
  const atOnce = whole(form.atOnce, 1, 200);
  const cost = money(form.maxCost);
  const tokens = whole(form.maxTokens, 0, Number.MAX_SAFE_INTEGER);
  const wrong = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const expires = form.expires ? new Date(form.expires) : null;
  const errors: KeyErrors = {
    name: form.name.trim() ? undefined : 'Name who or what will use it.',
    workflows: form.workflows.length ? undefined : 'Choose at least one workflow.',
    scopes: form.scopes.length ? undefined : 'Choose at least one right.',
    expires: expires && expires.getTime() <= now ? 'That is over.' : undefined,
    perMinute:
      wrong(perMinute) ?? (perMinute === null && (burst || atOnce) ? 'The other limits need this one.' : undefined),
    burst: wrong(burst),
    atOnce: wrong(atOnce),
    maxCost: wrong(cost),
    maxTokens: wrong(tokens),
    origins: wrongOrigins(form.origins),
  };
  if (Object.values(errors).some(Boolean)) return { errors };
  const number = (value: number | null | string) => (typeof value === 'number' ? value : null);
  const limits = { requests_per_minute: number(perMinute) ?? 1, burst: number(burst), concurrent_runs: number(atOnce) };
  const budget = { max_cost_usd: number(cost), max_tokens: number(tokens), per: form.per };
  const origins = originsIn(form.origins).map((origin) => origin.replace(/\/$/, ''));
  return {
    key: {
      name: form.name.trim(),
      workflows: form.workflows,
      scopes: form.scopes,
      expires_at: expires ? expires.toISOString() : null,
      limits: perMinute === null ? null : limits,
      budget: cost === null && tokens === null ? null : budget,
      ...(origins.length ? { origins } : {}),
    },
  };
}
