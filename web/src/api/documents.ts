/** The documents of workflows: drafts, versions, and what a document may hold. */
import { api, body, type Schemas } from './client';

export type Problem = Schemas['DocumentProblem'];
export type WorkflowDraft = Schemas['WorkflowDocument'];
export type Saved = Schemas['SavedDraft'];
export type Kinds = Schemas['Kinds'];
export type Kind = Schemas['Kind'];
export type FieldSpec = Schemas['Field'];

const at = (workflow_id: string) => ({ path: { workflow_id } });

export const readKinds = () => body(api.GET('/v1/kinds'));

/** The answer is JSON, since no other type is asked for. */
export const readDraft = (id: string) =>
  body(api.GET('/v1/workflows/{workflow_id}', { params: at(id) })) as Promise<WorkflowDraft>;

export const readVersion = (id: string, version: string) =>
  body(api.GET('/v1/workflows/{workflow_id}/versions/{version}', { params: { path: { workflow_id: id, version } } }));

/** Saves the text; with an etag only if the server still has the draft of that etag. */
export const saveDraft = (id: string, text: string, etag: string | null) =>
  body(
    api.PUT('/v1/workflows/{workflow_id}', {
      params: { ...at(id), header: etag ? { 'If-Match': `"${etag}"` } : {} },
      body: text,
      bodySerializer: (written) => written,
      headers: { 'Content-Type': 'application/yaml' },
    }),
  );
