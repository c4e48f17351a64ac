/** A start of a run: what is sent, and the same as a command line. */
import { quote } from '../../../runs/curl';

export type Mode = 'stream' | 'wait' | 'async';

export type Start = {
  url: string;
  mode: Mode;
  body: Record<string, unknown>;
};

export type Options = { user: string; save: boolean; webhook: string; maxCost: string };

export const NO_OPTIONS: Options = { user: '', save: true, webhook: '', maxCost: '' };

/** The body of a start; options that say nothing are left out. */
export function startBody(input: unknown, options: Options): Record<string, unknown> {
  const body: Record<string, unknown> = { input };
  if (options.user) body.user = options.user;
  if (!options.save) body.save = false;
  if (options.webhook) body.webhooks = [{ url: options.webhook }];
  if (options.maxCost) body.budget = { max_cost_usd: Number(options.maxCost) };
  return body;
}

/** The address of a start. Without a version the active one runs. */
export function startUrl(base: string, workflowId: string, version: string | null): string {
  const query = version ? `?version=${encodeURIComponent(version)}` : '';
  return `${base}/v1/workflows/${encodeURIComponent(workflowId)}/runs${query}`;
}

export function modeHeaders(mode: Mode): Record<string, string> {
  if (mode === 'stream') return { Accept: 'text/event-stream' };
  if (mode === 'async') return { Prefer: 'respond-async' };
  return {};
}

/** The start as a curl command. The key is never in it: it stands in the variable FLOWGATE_KEY. */
export function curlOf({ url, mode, body }: Start): string {
  const headers = Object.entries({ 'Content-Type': 'application/json', ...modeHeaders(mode) });
  return [
    `curl -sS${mode === 'stream' ? 'N' : ''} ${quote(url)}`,
    '-H "Authorization: Bearer $FLOWGATE_KEY"',
    ...headers.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    `-d ${quote(JSON.stringify(body, null, 2))}`,
  ].join(' \\\n  ');
}
