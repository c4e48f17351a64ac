import type { FieldSpec, Kind, Kinds, Problem } from '../api/documents';
import { INPUT, OUTPUT, type Outline, type OutlineNode } from '../graph/types';

export const nodeOf = (outline: Outline | undefined, id: string | null): OutlineNode | undefined =>
  id === null ? undefined : outline?.nodes.find((node) => node.id === id || node.path === id);

export const kindOf = (kinds: Kinds | null | undefined, name: string | undefined): Kind | undefined =>
  kinds?.kinds.find((kind) => kind.name === name);

/** The problems in a part of the document. */
export const problemsAt = (problems: Problem[], path: string): Problem[] =>
  problems.filter((problem) => problem.path === path || problem.path.startsWith(`${path}/`));

/** The node, or gate, that a problem is in: the innermost. */
export function placeOf(outline: Outline | undefined, problem: Problem): string | null {
  if (/^\/input(\/|$)/.test(problem.path)) return INPUT;
  if (/^\/output(\/|$)/.test(problem.path)) return OUTPUT;
  const around = (outline?.nodes ?? []).filter((node) => `${problem.path}/`.startsWith(`${node.path}/`));
  const inner = around.sort((a, b) => b.path.length - a.path.length)[0];
  return inner ? inner.id || inner.path : null;
}

/** The fields of every node that a kind takes: retries and timeouts belong to those that make calls. */
export function sharedFields(kinds: Kinds, kind: Kind): FieldSpec[] {
  const calls = new Set(['retry', 'timeout', 'at_most_once']);
  const own = new Set(kind.fields.map((field) => field.name));
  return kinds.node_fields.filter((field) => !own.has(field.name) && (kind.calls || !calls.has(field.name)));
}
