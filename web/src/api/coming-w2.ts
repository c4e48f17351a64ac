/**
 * Routes and fields for runs that the generated client does not have yet. Once `npm run api` has them, each use here becomes
 * a call of `api`.
 */
import type { Outline } from '../graph/types';
import { authorizedFetch, BASE, type Schemas } from './client';

/** The generated type of a run cannot be read: its fields are also `never`. */
export type Run = {
  id: string;
  workflow_id: string;
  workflow_name: string;
  version: string;
  status: Schemas['RunStatus'];
  origin?: string;
  user?: string;
  input?: unknown;
  output?: unknown;
  error: Schemas['RunError'] | null;
  usage: Schemas['Usage'];
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  duration_ms: number | null;
  omitted?: { input_bytes?: number; output_bytes?: number };
  /** From the creation to the start. */
  queued_ms?: number | null;
  /** The id of the key that started it; null for the operator and for schedules, left out for keys without `trace`. */
  key?: string | null;
  mode?: 'wait' | 'stream' | 'async' | 'schedule';
};

export type RunPage = { items: Run[]; next_cursor: string | null; searched_to?: string | null };

export type NodeTrace = Omit<Schemas['NodeTrace'], 'calls'> & {
  calls: Schemas['CallTrace'][];
  /** When its dependencies had ended. */
  ready_at?: string | null;
  /** The path of its container: `research[1]`. */
  parent?: string | null;
};
export type Trace = Omit<Schemas['Trace'], 'nodes'> & { nodes: NodeTrace[] };

export type RunDocument = { workflow_id: string; version: string; document: string; outline: Outline | null };

export type Delivery = Schemas['Delivery'];
export type DeliveryPage = { items: Delivery[]; next_cursor: string | null };

export type OpenQuestion = Schemas['Question'] & { run_id: string; workflow_id: string; workflow_name: string };

export type Job = Omit<Schemas['Job'], 'kind'> & { kind: string };

/** Which runs a job is about: named ones, or all that match. */
export type RunChoice = {
  run_ids?: string[];
  workflow?: string;
  status?: string;
  user?: string;
  code?: string;
  node?: string;
  version?: string;
  created_from?: string;
  created_before?: string;
};
export type ReplayOptions = { from?: 'failed' | 'start'; on_version?: string; at_a_time?: number };

async function json<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await authorizedFetch(`${BASE}/${path}`, { cache: 'no-store', ...init });
  return response.status === 204 ? (undefined as T) : response.json();
}

const post = <T>(path: string, content: unknown) =>
  json<T>(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(content) });

const runPath = (id: string) => `v1/runs/${encodeURIComponent(id)}`;

export const coming = {
  /** Runs of all workflows, or of one; `query` as the API takes it, without `workflow` where one is given. */
  runs: (query: URLSearchParams, workflowId: string | undefined, signal?: AbortSignal) =>
    json<RunPage>(
      workflowId ? `v1/workflows/${encodeURIComponent(workflowId)}/runs?${query}` : `v1/runs?${query}`,
      signal ? { signal } : {},
    ),
  run: (id: string, signal?: AbortSignal) => json<Run>(runPath(id), signal ? { signal } : {}),
  trace: (id: string) => json<Trace>(`${runPath(id)}/trace`),
  document: (id: string) => json<RunDocument>(`${runPath(id)}/document`),
  deliveries: (query: URLSearchParams) => json<DeliveryPage>(`v1/deliveries?${query}`),
  questions: () => json<{ items: OpenQuestion[]; next_cursor: string | null }>('v1/questions'),
  replay: (choice: RunChoice, options: ReplayOptions) => post<Job>('v1/runs/replay', { ...choice, ...options }),
  cancel: (choice: RunChoice) => post<Job>('v1/runs/cancel', choice),
  job: (id: string) => json<Job>(`v1/jobs/${encodeURIComponent(id)}`),
  cancelJob: (id: string) => post<Job>(`v1/jobs/${encodeURIComponent(id)}/cancel`, {}),
};
