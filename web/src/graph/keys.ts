import type { Outline, OutlineNode } from './types';

/**
 * The names of nodes in the drawing: their ids, and the path of a node whose id is missing or taken. A document with errors
 * is drawn too.
 */
export function keysOf(outline: Outline): Map<OutlineNode, string> {
  const taken = new Set<string>();
  return new Map(
    outline.nodes.map((node) => {
      const key = node.id && !taken.has(node.id) ? node.id : node.path;
      taken.add(key);
      return [node, key];
    }),
  );
}
