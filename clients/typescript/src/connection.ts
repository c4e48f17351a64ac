/** How the server is reached, and what its refusals are. */

import createFetchClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

/** `url` is the server's, with the stage where it has one. `fetch` is another than the global one. */
export type Connection = { url: string; key: string; fetch?: typeof globalThis.fetch };
export type Problem = components['schemas']['Problem'];

/** Why the server refused (RFC 9457). `code` is for programs and does not change; `problem` is the whole answer. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly problem: Partial<Problem>;

  constructor(status: number, problem: Partial<Problem>) {
    super(`${status} ${problem.code ?? ''}: ${problem.detail ?? ''}`);
    this.status = status;
    this.code = problem.code ?? '';
    this.problem = problem;
  }
}

/** All calls of the native API: `client.POST('/v1/workflows/{workflow_id}/runs', …)`, as openapi-fetch has them. */
export function createClient({ url, key, fetch = globalThis.fetch }: Connection) {
  return createFetchClient<paths>({ baseUrl: root(url), headers: { Authorization: `Bearer ${key}` }, fetch });
}

const root = (url: string) => url.replace(/\/+$/, '');

/** Sends a request; a refusal throws. `path` has no leading slash. */
export async function send({ url, key, fetch = globalThis.fetch }: Connection, path: string, init: RequestInit) {
  const headers = new Headers(init.headers);
  headers.set('Authorization', `Bearer ${key}`);
  const response = await fetch(`${root(url)}/${path}`, { ...init, headers });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new ApiError(response.status, problem);
}

/** Whether the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 500 || error.status === 429;
}

export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
