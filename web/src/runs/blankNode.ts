import type { NodeTrace } from '../api/runs';
import { scopeOf } from './traceTree';

/** A node of which no more is known than where it is. */
export const blankNode = (node: string, kind: string): NodeTrace => ({
  node,
  parent: scopeOf(node) || null,
  kind,
  status: null,
  attempts: 0,
  ready_at: null,
  started_at: null,
  duration_ms: null,
  input: null,
  output: null,
  error: null,
  tokens: null,
  cost_nano_usd: null,
  calls: [],
});
