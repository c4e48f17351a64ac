import type { Kinds } from '../api/documents';
import type { Outline, OutlineNode } from '../graph/types';
import { kindOf, nodeOf } from './lookup';

/** What can be referred to: fields of the input, and what nodes leave. */
export type Suggestion = { path: string; from: string };

export function suggestions(outline: Outline, kinds: Kinds | null | undefined, selected: string | null): Suggestion[] {
  const inputs = outline.inputs.map((input) => ({ path: `api.${input.name}`, from: `input, ${input.type}` }));
  const own = nodeOf(outline, selected);
  const container = own?.parent ? nodeOf(outline, own.parent) : undefined;
  const items = container ? [`${container.kind}.item`, `${container.kind}.index`] : [];
  const nodes = outline.nodes.filter((node) => node.id && node.id !== own?.id && canRead(outline, node, own));
  return [
    ...inputs,
    ...items.map((path) => ({ path, from: container?.id ?? '' })),
    ...nodes.flatMap((node) => outputsOf(outline, kinds, node).map((path) => ({ path, from: node.kind }))),
  ];
}

/** The fields that a kind leaves, and what the document reads of the node already: authors name fields of their own. */
function outputsOf(outline: Outline, kinds: Kinds | null | undefined, node: OutlineNode): string[] {
  const known = kindOf(kinds, node.kind)?.outputs ?? [];
  const read = outline.edges.flatMap((edge) => (edge.from === node.id && edge.reference ? [edge.reference] : []));
  return [...new Set([...known, ...read])].map((field) => `${node.id}.${field}`);
}

/** A node reads nodes of its own list, and of those around it. */
function canRead(outline: Outline, node: OutlineNode, own: OutlineNode | undefined): boolean {
  for (let parent = own?.parent ?? null; ; parent = nodeOf(outline, parent)?.parent ?? null) {
    if (node.parent === parent && node.id !== own?.parent) return true;
    if (parent === null) return false;
  }
}
