/** The filters of a list of runs: in the URL, in words, and as the API takes them. */
import type { RunChoice, RunQuery } from '../api/runs';
import { withParams } from '../app/params';
import { formatDateTime, formatDuration } from '../ui/format';

export const FILTERS = [
  'status',
  'workflow',
  'version',
  'node',
  'code',
  'key',
  'user',
  'slower',
  'from',
  'to',
  'q',
] as const;
export type Filter = (typeof FILTERS)[number];
export type Filters = Partial<Record<Filter, string>>;

export const STATUSES = ['pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'] as const;

/** How far back the histogram looks. */
export const SPANS = [
  { value: '24h', label: '24 h', hours: 24, step: 'hour' },
  { value: '7d', label: '7 d', hours: 7 * 24, step: 'hour' },
  { value: '30d', label: '30 d', hours: 30 * 24, step: 'day' },
] as const;
export type Span = (typeof SPANS)[number];

export function readFilters(params: URLSearchParams): Filters {
  const filters: Filters = {};
  for (const name of FILTERS) {
    const value = params.get(name);
    if (value) filters[name] = value;
  }
  return filters;
}

/** Filters to set, or with null to take off. */
export type Changes = Partial<Record<Filter, string | null>>;

/**
 * Returns the parameters with filters set, or without them; whatever else they hold stays. Node and code select failed runs
 * only, so that they and another status exclude each other: the one that is set now stays.
 */
export function withFilter(params: URLSearchParams, changes: Changes): URLSearchParams {
  const next = withParams(params, changes);
  const status = next.get('status');
  if (status && status !== 'failed') {
    const gone = changes.status ? (['node', 'code'] as const) : (['status'] as const);
    if (next.has('node') || next.has('code')) for (const name of gone) next.delete(name);
  }
  return next;
}

/** "900", "900 ms", "2.5s" or "3 min" in milliseconds; null if it is none of these. */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)?\s*$/.exec(text);
  if (!match) return null;
  const unit = { ms: 1, s: 1_000, min: 60_000, m: 60_000, h: 3_600_000 }[match[2] ?? 'ms'] ?? 1;
  return Math.round(Number(match[1]) * unit);
}

/** The filters as `GET /v1/runs` takes them. */
export function toQuery({ status, slower, from, to, ...same }: Filters): RunQuery {
  return {
    ...same,
    ...(status && { status: status as RunQuery['status'] }),
    ...(slower && { min_duration_ms: Number(slower) }),
    ...(from && { created_from: from }),
    ...(to && { created_before: to }),
  };
}

/**
 * The runs that match the filters, for a job; null if a filter is set that jobs do not know (key, duration, text). `before`
 * bounds the choice, so that runs which start after the user looked are not part of it.
 */
export function toChoice(filters: Filters, workflowId: string | undefined, before: string): RunChoice | null {
  if (filters.key || filters.slower || filters.q) return null;
  const choice: RunChoice = { created_before: filters.to && filters.to < before ? filters.to : before };
  const workflow = workflowId ?? filters.workflow;
  if (workflow) choice.workflow = workflow;
  if (filters.status) choice.status = filters.status as RunChoice['status'];
  for (const name of ['user', 'code', 'node', 'version'] as const) {
    if (filters[name]) choice[name] = filters[name];
  }
  if (filters.from) choice.created_from = filters.from;
  return choice;
}

const NAMES: Record<Filter, string> = {
  status: 'Status',
  workflow: 'Workflow',
  version: 'Version',
  node: 'Node',
  code: 'Code',
  key: 'Key',
  user: 'User',
  slower: 'Slower than',
  from: 'From',
  to: 'Before',
  q: 'Text',
};

export type ChipText = { filter: Filter; name: string; value: string };

/** What the chips say, in the order of the filters. `names` has names for ids of workflows and keys. */
export function chips(filters: Filters, names: (filter: Filter, value: string) => string | undefined): ChipText[] {
  return FILTERS.filter((filter) => filter !== 'q' && filters[filter]).map((filter) => {
    const value = filters[filter] ?? '';
    return { filter, name: NAMES[filter], value: names(filter, value) ?? inWords(filter, value) };
  });
}

/** A filter within a sentence: "slower than 30 s". */
export const spoken = ({ name, value }: ChipText) => `${name.charAt(0).toLowerCase()}${name.slice(1)} ${value}`;

function inWords(filter: Filter, value: string): string {
  if (filter === 'status') return value.charAt(0).toUpperCase() + value.slice(1);
  if (filter === 'slower') return formatDuration(Number(value));
  if (filter === 'from' || filter === 'to') return formatDateTime(value);
  return value;
}
