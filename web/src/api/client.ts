import createClient, { type Middleware } from 'openapi-fetch';
import type { components, paths } from './schema';
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
    /** When a retry may succeed, in seconds. */
    readonly retryAfter: number | null = null,
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

/** `fetch` with the key, whose every refusal is an `ApiError`. */
export async function authorizedFetch(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const key = session.key();
  if (key) request.headers.set('Authorization', `Bearer ${key}`);
  const response = await fetch(request).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'offline', 'The server does not answer.');
  });
  if (!response.ok) throw await refused(response);
  return response;
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
