import { useQuery } from '@tanstack/react-query';
import { ApiError } from '../../api/client';
import { getDraft, getInterface, type WorkflowInterface } from '../../api/workflow';

/** What callers see of a workflow: of the active version, or of the one that is named; `draft` is one, too. */
export function useInterface(workflowId: string, version: string | null = null) {
  return useQuery({
    queryKey: ['interface', workflowId, version],
    queryFn: () => getInterface(workflowId, version),
    placeholderData: (previous: WorkflowInterface | undefined) => previous,
  });
}

/** The workflow with its draft; null if the key may not read it. */
export function useDraft(workflowId: string) {
  return useQuery({
    queryKey: ['workflow', workflowId],
    queryFn: () =>
      getDraft(workflowId).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 403) return null;
        throw error;
      }),
  });
}
