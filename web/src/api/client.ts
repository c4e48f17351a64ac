import createClient, { type Middleware } from 'openapi-fetch';
import { takeEarly } from './early';
import type { components, paths } from './schema';
import { server } from './server';
import { session } from './session';

export type Schemas = components['schemas'];

/** The server's address: the API on AWS has a stage in its path, which the server writes into <base>. */
export const BASE = document.baseURI.replace(/\/$/, '');

/** A refusal of the API (RFC 9457), or a server that does not answer (`status` 0). */
export class ApiError extends Error {
  override name = 'ApiError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly problem: Partial<Schemas['Problem']> = {},
    /** When a retry may succeed, in seconds after `at`. */
    readonly retryAfter: number | null = null,
    readonly at = Date.now(),
  ) {
    super(message);
  }

  get isOffline() {
    return this.status === 0;
  }
}

async function refused(response: Response): Promise<ApiError> {
  const problem = await response
    .clone()
    .json()
    .catch(() => ({}));
  const retryAfter = Number(response.headers.get('Retry-After')) || null;
  const message = problem.detail ?? `The server answered ${response.status}.`;
  return new ApiError(response.status, problem.code ?? 'unknown', message, problem, retryAfter);
}

/** `fetch` with the key, whose every refusal is an `ApiError`. A request that brings its own key is on its own. */
export async function authorizedFetch(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const key = session.key();
  const tries = request.headers.has('Authorization');
  if (key && !tries) request.headers.set('Authorization', `Bearer ${key}`);
  const response = await (takeEarly(request) ?? fetch(request)).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    server.isAway();
    throw new ApiError(0, 'offline', 'The server does not answer.');
  });
  server.isBack();
  if (response.ok) return response;
  const error = await refused(response);
  if (error.status === 401 && key === session.key() && !tries) session.ask('ended');
  if (error.status === 429) server.isBusy(error.retryAfter ?? 1);
  throw error;
}

const client = createClient<paths>({ baseUrl: BASE, fetch: (request) => authorizedFetch(request) });

const noCache: Middleware = {
  onRequest({ request }) {
    return new Request(request, { cache: 'no-store' });
  },
};
client.use(noCache);

/** The typed client of the API: `await api.GET('/v1/workflows', { params: … })`. A refusal is thrown. */
export const api = client;

/** The body of an answer that was not refused. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** The same answer, or null where there is nothing. */
export const unlessMissing = <T>(answer: Promise<T>): Promise<T | null> =>
  answer.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  });
