import { useQuery } from '@tanstack/react-query';
import { useBlocked, useMay } from '../app/useSession';
import { api, body, type Schemas } from './client';

export type ListedWorkflow = Schemas['ListedWorkflow'];
export type LastRun = Schemas['LastRun'];

const PAGES = 10;

/** All workflows that the key knows, 1,000 at most, by name; their last runs too, if it may read runs. */
export function useWorkflows({ enabled = true } = {}) {
  const withLastRun = useBlocked()('read') === null;
  return useQuery({
    queryKey: ['workflows', { withLastRun }],
    queryFn: () => readAll(withLastRun),
    enabled,
    staleTime: 10_000,
  });
}

async function readAll(withLastRun: boolean): Promise<ListedWorkflow[]> {
  const all: ListedWorkflow[] = [];
  const include = withLastRun ? ({ include: 'last_run' } as const) : {};
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const query = { limit: 100, cursor, ...include };
    const answer = await body(api.GET('/v1/workflows', { params: { query } }));
    all.push(...answer.items);
    if (!answer.next_cursor) break;
    cursor = answer.next_cursor;
  }
  return all.sort((a, b) => a.name.localeCompare(b.name));
}

/** All workflows, for names and choices; nothing for keys that may not list them. */
export function useKnownWorkflows(): ListedWorkflow[] {
  const enabled = useMay()('author');
  return useWorkflows({ enabled }).data ?? NONE;
}

const NONE: ListedWorkflow[] = [];

/** The name of each workflow by its id; an unknown one is its id. */
export function useWorkflowName(): (id: string) => string {
  const known = useKnownWorkflows();
  return (id) => known.find((workflow) => workflow.id === id)?.name ?? id;
}
