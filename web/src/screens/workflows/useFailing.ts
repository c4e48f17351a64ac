import { useQueries } from '@tanstack/react-query';
import { api, body } from '../../api/client';
import type { StatsBy } from '../../api/stats';
import { type Failing, findFailing, isSuspicious } from './failing';
import type { WorkflowRow } from './workflowRows';

const MOST = 8;

/** The failing workflows among the rows, by their ids. Only those with the most failures are looked into. */
export function useFailing(rows: WorkflowRow[], from: Date): Map<string, Failing> {
  const suspicious = rows
    .filter(isSuspicious)
    .toSorted((a, b) => (b.total?.failed ?? 0) - (a.total?.failed ?? 0))
    .slice(0, MOST);
  return useQueries({
    queries: suspicious.map(({ workflow, total }) => ({
      // A further failed run, or another version, changes the answer.
      queryKey: ['failing', workflow.id, workflow.active_version, from.toISOString(), total?.failed],
      queryFn: async () => findFailing(workflow, from, await readSums(workflow, from)),
      staleTime: 60_000,
    })),
    combine: (results) =>
      new Map(
        results.flatMap(({ data }, index): [string, Failing][] => {
          const id = suspicious[index]?.workflow.id;
          return id && data ? [[id, data]] : [];
        }),
      ),
  });
}

async function readSums(workflow: WorkflowRow['workflow'], from: Date) {
  const activated = workflow.activated_at ? new Date(workflow.activated_at) : from;
  const since = (activated > from ? activated : from).toISOString();
  const read = async (by: StatsBy, start: string) => {
    const query = { workflow: workflow.id, by, from: start, step: 'total' as const };
    return (await body(api.GET('/v1/stats', { params: { query } }))).items;
  };
  const [versions, nodes, codes, published] = await Promise.all([
    read('version', from.toISOString()),
    read('node', since),
    read('code', since),
    body(
      api.GET('/v1/workflows/{workflow_id}/versions', {
        params: { path: { workflow_id: workflow.id }, query: { limit: 20 } },
      }),
    ),
  ]);
  return { versions, nodes, codes, published: published.items };
}
