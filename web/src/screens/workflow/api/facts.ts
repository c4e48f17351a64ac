/** What a document says of its API beyond inputs and outputs. */
import { parse } from 'yaml';

export type Facts = {
  webhook: { method: string; url: string } | null;
  budget: { max_cost_usd?: number; max_tokens?: number } | null;
  deadline: string | null;
};

const NOTHING: Facts = { webhook: null, budget: null, deadline: null };

/** Reads a document, YAML or JSON. What is not of its shape is left out: the builder says what is wrong with it. */
export function factsOf(document: string): Facts {
  let top: unknown;
  try {
    top = parse(document);
  } catch {
    return NOTHING;
  }
  if (!isObject(top)) return NOTHING;
  const { webhook, budget, deadline } = top;
  return {
    webhook: isObject(webhook) ? { method: text(webhook.method) ?? 'POST', url: text(webhook.url) ?? '' } : null,
    budget: isObject(budget)
      ? { max_cost_usd: number(budget.max_cost_usd), max_tokens: number(budget.max_tokens) }
      : null,
    deadline: text(deadline),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const number = (value: unknown) => (typeof value === 'number' ? value : undefined);

function text(value: unknown): string | null {
  if (isObject(value)) return text(value.raw ?? value.text);
  return typeof value === 'string' ? value : null;
}
