import { createContext, useContext, useMemo, useSyncExternalStore } from 'react';
import type { FieldSpec, Kind, Kinds, Problem } from '../api/coming-w1';
import { INPUT, OUTPUT, type Outline, type OutlineNode } from '../graph/types';
import type { DraftState, DraftStore } from './draft/store';
import type { Pins } from './pins/pins';

export type PanelTab = 'node' | 'document' | 'changes' | 'problems';

export type Builder = {
  store: DraftStore;
  state: DraftState;
  /** Null: the server does not describe its kinds. Undefined: not known yet. */
  kinds: Kinds | null | undefined;
  selected: string | null;
  select: (id: string | null) => void;
  /** Null: closed. */
  panel: PanelTab | null;
  open: (panel: PanelTab | null) => void;
  /** Why nothing can be edited by forms. */
  locked: string | null;
  pins: Pins;
  setPins: (pins: Pins) => void;
};

export const BuilderContext = createContext<Builder | null>(null);

export function useBuilder(): Builder {
  const builder = useContext(BuilderContext);
  if (!builder) throw new Error('outside of a builder');
  return builder;
}

export const useDraftState = (store: DraftStore): DraftState => useSyncExternalStore(store.subscribe, store.snapshot);

export const nodeOf = (outline: Outline | undefined, id: string | null): OutlineNode | undefined =>
  id === null ? undefined : outline?.nodes.find((node) => node.id === id || node.path === id);

export const kindOf = (kinds: Kinds | null | undefined, name: string | undefined): Kind | undefined =>
  kinds?.kinds.find((kind) => kind.name === name);

/** Where a node, or a gate, stands in the document. */
export function pathOf(outline: Outline | undefined, id: string): string | undefined {
  if (id === INPUT) return '/input';
  if (id === OUTPUT) return '/output';
  return nodeOf(outline, id)?.path;
}

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

/** What can be referred to: fields of the input, and what nodes leave. */
export type Suggestion = { path: string; from: string };

export function useSuggestions(): Suggestion[] {
  const { state, kinds, selected } = useBuilder();
  const { outline } = state;
  return useMemo(() => (outline ? suggestions(outline, kinds, selected) : []), [outline, kinds, selected]);
}

export function suggestions(outline: Outline, kinds: Kinds | null | undefined, selected: string | null): Suggestion[] {
  const inputs = outline.inputs.map((input) => ({ path: `api.${input.name}`, from: `input, ${input.type}` }));
  const own = nodeOf(outline, selected);
  const container = own?.parent ? nodeOf(outline, own.parent) : undefined;
  const items = container ? [`${container.kind}.item`, `${container.kind}.index`] : [];
  const nodes = outline.nodes.filter((node) => node.id && node.id !== own?.id && canRead(outline, node, own));
  return [
    ...inputs,
    ...items.map((path) => ({ path, from: container?.id ?? '' })),
    ...nodes.flatMap((node) => {
      const outputs = kindOf(kinds, node.kind)?.outputs ?? ['content', 'result', 'data'];
      return outputs.map((field) => ({ path: `${node.id}.${field}`, from: node.kind }));
    }),
  ];
}

/** A node reads nodes of its own list, and of those around it. */
function canRead(outline: Outline, node: OutlineNode, own: OutlineNode | undefined): boolean {
  for (let parent = own?.parent ?? null; ; parent = nodeOf(outline, parent)?.parent ?? null) {
    if (node.parent === parent) return true;
    if (parent === null) return false;
  }
}

/** The fields of every node that a kind takes: retries and timeouts belong to those that make calls. */
export function sharedFields(kinds: Kinds, kind: Kind): FieldSpec[] {
  const calls = new Set(['retry', 'timeout', 'at_most_once']);
  const own = new Set(kind.fields.map((field) => field.name));
  return kinds.node_fields.filter((field) => !own.has(field.name) && (kind.calls || !calls.has(field.name)));
}
