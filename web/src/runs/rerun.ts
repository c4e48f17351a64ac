/** Running a run again, from its failed node or from another. */
import { useMutation } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import type { Schemas } from '../api/client';
import { type Run, replayRun } from '../api/runs';
import type { Outline } from '../graph/types';

/**
 * The node of the document that a rerun can begin at: the innermost one that the document itself has. What is inside a
 * workflow that runs as a node, or is an agent's tool, begins with that node.
 */
export function rerunNode(path: string, outline: Outline | null): string {
  const ids = path.split('/').map((part) => part.replace(/\[\d+\]$/, ''));
  if (!outline) return ids[0] ?? path;
  const kinds = new Map(outline.nodes.map((node) => [node.id, node.kind]));
  let found = ids[0] ?? path;
  for (const id of ids) {
    if (!kinds.has(id)) break;
    found = id;
    if (kinds.get(id) === 'workflow' || kinds.get(id) === 'agent') break;
  }
  return found;
}

export function useRerun(run: Pick<Run, 'id'>, onDone?: () => void) {
  const [, navigate] = useLocation();
  return useMutation({
    mutationFn: (content: Schemas['ReplayRun']) => replayRun(run.id, content),
    onSuccess: ({ id }) => {
      onDone?.();
      navigate(`/runs/${id}`);
    },
  });
}
