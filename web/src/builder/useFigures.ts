import { useQuery } from '@tanstack/react-query';
import { listRuns, type NodeTrace, readFigures } from '../api/runs';
import { useMay } from '../app/useSession';

const RUNS = 10;

/** What nodes took and cost in the last runs that succeeded, newest first; undefined while nothing is known. */
export function useFigures(workflow: string): NodeTrace[][] | undefined {
  const may = useMay();
  const figures = useQuery({
    queryKey: ['figures of the last runs', workflow],
    queryFn: async ({ signal }) => {
      const { items } = await listRuns({ status: 'succeeded', limit: RUNS }, workflow, signal);
      const traces = await Promise.all(items.map(({ id }) => readFigures(id, signal)));
      return traces.map(({ nodes }) => nodes);
    },
    enabled: may('trace', workflow) && may('read', workflow),
    staleTime: 60_000,
  });
  return figures.data;
}
