/** Runs, what is kept of them, and jobs over many of them. */
import { api, body, type Schemas } from './client';
import type { paths } from './schema';

/** The fields of a run. The generated type has a record of `never` beside them, which makes each of them `never`. */
export type Run = Schemas['Run'] extends infer Fields & Record<string, never> ? Fields : never;
export type RunPage = Omit<Schemas['RunList'], 'items'> & { items: Run[] };
export type NodeTrace = Schemas['NodeTrace'];
export type Job = Schemas['Job'];
export type RunQuery = NonNullable<paths['/v1/runs']['get']['parameters']['query']>;

/** Which runs a job is about: named ones, or all that match. Their status decides which jobs there are. */
export type RunChoice = Omit<Schemas['BulkReplay'], 'status' | keyof ReplayOptions> & { status?: Schemas['RunStatus'] };
export type ReplayOptions = Pick<Schemas['BulkReplay'], 'from' | 'on_version' | 'at_a_time'>;

/** Runs of all workflows, or of one, newest first. */
export function listRuns(query: RunQuery, workflowId: string | undefined, signal: AbortSignal): Promise<RunPage> {
  if (!workflowId) return body(api.GET('/v1/runs', { params: { query }, signal }));
  const { workflow: _, ...own } = query;
  const params = { path: { workflow_id: workflowId }, query: own };
  return body(api.GET('/v1/workflows/{workflow_id}/runs', { params, signal }));
}

const ofRun = (id: string) => ({ path: { run_id: id } });

export const readRun = (id: string, signal: AbortSignal): Promise<Run> =>
  body(api.GET('/v1/runs/{run_id}', { params: ofRun(id), signal }));

export const readTrace = (id: string, signal: AbortSignal) =>
  body(api.GET('/v1/runs/{run_id}/trace', { params: ofRun(id), signal }));

/** How long each node took and what it cost, without what it was given and left. */
export const readFigures = (id: string, signal: AbortSignal) =>
  body(api.GET('/v1/runs/{run_id}/trace', { params: { ...ofRun(id), query: { values: false } }, signal }));

/** The document that the run runs, with its outline. */
export const readRunDocument = (id: string, signal: AbortSignal) =>
  body(api.GET('/v1/runs/{run_id}/document', { params: ofRun(id), signal }));

/** Starts a run that repeats another, and does not wait for its end. */
export async function replayRun(id: string, content: Schemas['ReplayRun']): Promise<Pick<Run, 'id' | 'status'>> {
  const params = { ...ofRun(id), header: { Prefer: 'respond-async' } };
  const answer = await body(api.POST('/v1/runs/{run_id}/replay', { params, body: content }));
  return answer as Pick<Run, 'id' | 'status'>;
}

export const replayRuns = (choice: Schemas['BulkReplay']) => body(api.POST('/v1/runs/replay', { body: choice }));

export const cancelRuns = (choice: Schemas['BulkCancel']) => body(api.POST('/v1/runs/cancel', { body: choice }));

export const readJob = (id: string, signal: AbortSignal) =>
  body(api.GET('/v1/jobs/{job_id}', { params: { path: { job_id: id } }, signal }));

export const cancelJob = (id: string) =>
  body(api.POST('/v1/jobs/{job_id}/cancel', { params: { path: { job_id: id } } }));
