/**
 * Routes that the generated client does not know yet: what a workflow's API looks like from outside, and the documents
 * of its versions. Replace each by `api.GET(…)` once `schema.d.ts` has it.
 */
import type { Outline } from '../graph/types';
import { authorizedFetch, BASE, type Schemas } from './client';

export type InterfaceInput = {
  name: string;
  type: string;
  required: boolean;
  default?: unknown;
  description?: string;
  /** What the author gave as an example. */
  value?: unknown;
  enum?: unknown[];
};

export type InterfaceOutput = { name: string; type: string | null; nullable: boolean; source: string };

export type WorkflowInterface = {
  workflow_id: string;
  version: string;
  name: string | null;
  description: string | null;
  endpoint: string;
  inputs: InterfaceInput[];
  outputs: InterfaceOutput[];
  input_schema: unknown;
  output_schema: unknown;
  streams: string[];
  webhook: boolean;
};

export type SnippetLang = 'curl' | 'python' | 'typescript' | 'rust' | 'go';
export type SnippetMode = 'wait' | 'async' | 'stream' | 'webhook';
export type Snippet = { lang: SnippetLang; mode: SnippetMode; file: string; code: string; install: string | null };

export type WebhookTest = {
  event: string;
  url: string;
  status: number | null;
  duration_ms: number;
  error: string | null;
  answer: string | null;
  headers?: Record<string, string>;
};

/** A version with its document; `draft` is the draft as if it were one. */
export type VersionDocument = Schemas['Version'] & {
  published_by: string | null;
  document: string;
  outline: Outline | null;
};

export type DraftDocument = Schemas['WorkflowDocument'] & { outline?: Outline | null };

const address = (path: string) => `${BASE}/v1/${path}`;
const of = (workflowId: string) => `workflows/${encodeURIComponent(workflowId)}`;

async function get<T>(path: string): Promise<T> {
  return (await authorizedFetch(address(path), { cache: 'no-store' })).json();
}

export const getInterface = (workflowId: string, version: string | null) =>
  get<WorkflowInterface>(`${of(workflowId)}/interface${version ? `?version=${encodeURIComponent(version)}` : ''}`);

export const getSnippets = async (workflowId: string) =>
  (await get<{ items: Snippet[] }>(`${of(workflowId)}/snippets`)).items;

export const getVersion = (workflowId: string, version: string) =>
  get<VersionDocument>(`${of(workflowId)}/versions/${encodeURIComponent(version)}`);

export const getDraft = (workflowId: string) => get<DraftDocument>(of(workflowId));

export const getKeysOf = async (workflowId: string) =>
  (await get<{ items: Schemas['Key'][] }>(`keys?limit=100&workflow=${encodeURIComponent(workflowId)}`)).items;

export const openApiAddress = (workflowId: string) => address(`${of(workflowId)}/openapi.json`);

export async function testWebhook(workflowId: string): Promise<WebhookTest> {
  const response = await authorizedFetch(address(`${of(workflowId)}/webhook/test`), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{}',
  });
  return response.json();
}
