import { useQuery } from '@tanstack/react-query';
import { type ListedWorkflow, listWorkflows } from './coming-w0';

const PAGES = 10;

/** All workflows that the key knows, 1,000 at most, by name. */
export function useWorkflows({ enabled = true } = {}) {
  return useQuery({ queryKey: ['workflows'], queryFn: readAll, enabled, staleTime: 10_000 });
}

async function readAll(): Promise<ListedWorkflow[]> {
  const all: ListedWorkflow[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await listWorkflows(cursor);
    all.push(...answer.items);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  return all.sort((a, b) => a.name.localeCompare(b.name));
}

/** The name of each workflow by its id; an unknown one is its id. */
export function useWorkflowName(): (id: string) => string {
  const { data } = useWorkflows();
  return (id) => data?.find((workflow) => workflow.id === id)?.name ?? id;
}
