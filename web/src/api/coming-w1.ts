/**
 * Routes and fields that the server is about to have, by hand. Replaced by the generated client once `docs/openapi.json`
 * describes them.
 */
import type { Outline } from '../graph/types';
import { authorizedFetch, BASE, type Schemas } from './client';

export type Problem = Schemas['DocumentProblem'];

export type WorkflowDraft = Omit<Schemas['WorkflowDocument'], 'draft'> & {
  draft: Schemas['Draft'] & { saved_by?: string | null };
  /** Left out by a server without outlines. */
  problems?: Problem[];
  /** Null: the text cannot be read. */
  outline?: Outline | null;
};

export type Saved = Schemas['SavedDraft'] & { outline?: Outline | null };
export type Checked = { name: string; problems: Problem[]; outline: Outline | null };
export type VersionDocument = Schemas['Version'] & { document: string; outline: Outline; published_by?: string | null };

export type FieldSpec = {
  name: string;
  type: string;
  /** Markdown. */
  help: string;
  default: string | null;
  required: boolean;
  one_of_fields?: string[];
  any_of_fields?: string[];
  at_most_one_of_fields?: string[];
  /** May hold `{{NAME}}`. */
  secrets: boolean;
  values?: string[];
  min?: number | string;
  max?: number | string;
  fields?: FieldSpec[];
};

export type Kind = {
  name: string;
  summary: string;
  /** Markdown. */
  details: string;
  group: 'gate' | 'model' | 'call' | 'flow' | 'data' | 'people';
  role: 'step' | 'container' | 'output' | 'input' | 'remark';
  /** It makes calls, so that retries and timeouts apply to it. */
  calls: boolean;
  /** YAML of one node. */
  example: string;
  fields: FieldSpec[];
  outputs: string[] | null;
};

export type Kinds = { kinds: Kind[]; node_fields: FieldSpec[]; input_types: string[] };

const path = (...parts: string[]) => `${BASE}/v1/${parts.map(encodeURIComponent).join('/')}`;

async function json<T>(input: string, init?: RequestInit): Promise<T> {
  const response = await authorizedFetch(input, { cache: 'no-store', ...init });
  return response.json();
}

export const readKinds = () => json<Kinds>(path('kinds'));
export const readDraft = (id: string) => json<WorkflowDraft>(path('workflows', id));
export const readVersion = (id: string, version: string) =>
  json<VersionDocument>(path('workflows', id, 'versions', version));

const YAML = { 'Content-Type': 'application/yaml' };

export const saveDraft = (id: string, text: string, etag: string | null) =>
  json<Saved>(path('workflows', id), {
    method: 'PUT',
    body: text,
    headers: { ...YAML, ...(etag ? { 'If-Match': `"${etag}"` } : {}) },
  });

export const checkDocument = (id: string, text: string) =>
  json<Checked>(`${path('workflows', 'validate')}?workflow=${encodeURIComponent(id)}`, {
    method: 'POST',
    body: text,
    headers: YAML,
  });
