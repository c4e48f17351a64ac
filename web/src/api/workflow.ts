/** One workflow: what callers see of it, its draft, its versions, its keys. */
import { api, BASE, body, type Schemas } from './client';

export type WorkflowInterface = Schemas['Interface'];
export type InterfaceInput = Schemas['InterfaceInput'];
export type InterfaceOutput = Schemas['InterfaceOutput'];
export type SnippetLang = Schemas['Lang'];
export type SnippetMode = Schemas['Mode'];

const at = (workflow_id: string) => ({ path: { workflow_id } });

export const getInterface = (id: string, version: string | null) =>
  body(api.GET('/v1/workflows/{workflow_id}/interface', { params: { ...at(id), query: version ? { version } : {} } }));

/** The examples in every language and mode. */
export const getSnippets = async (id: string) =>
  (await body(api.GET('/v1/workflows/{workflow_id}/snippets', { params: at(id) }))).items;

/** The answer is JSON: YAML is for whoever asks for it. */
export const getDraft = (id: string) =>
  body(api.GET('/v1/workflows/{workflow_id}', { params: at(id) })) as Promise<Schemas['WorkflowDocument']>;

export const getVersion = (id: string, version: string) =>
  body(api.GET('/v1/workflows/{workflow_id}/versions/{version}', { params: { path: { workflow_id: id, version } } }));

export const listVersions = (id: string, query: { limit: number; cursor?: string }) =>
  body(api.GET('/v1/workflows/{workflow_id}/versions', { params: { ...at(id), query } }));

/** The keys that may use the workflow, 100 at most. */
export const getKeysOf = async (workflow: string) =>
  (await body(api.GET('/v1/keys', { params: { query: { workflow, limit: 100 } } }))).items;

export const openApiAddress = (id: string) => `${BASE}/v1/workflows/${encodeURIComponent(id)}/openapi.json`;

/** Sends a sample delivery to the webhook of the document. */
export const testWebhook = (id: string) =>
  body(api.POST('/v1/workflows/{workflow_id}/webhook/test', { params: at(id), body: {} }));
