import { useQuery } from '@tanstack/react-query';
import { listRuns, readTrace } from '../../api/runs';
import { useBlocked } from '../../app/useSession';
import { formatCost, formatDuration } from '../../ui/format';

/** How long a node took in the newest run that succeeded, and what it cost: "4.6 s · $0.0142". Null if nothing is known. */
export function useLastRun(workflow: string, node: string): string | null {
  const mayTrace = useBlocked()('trace', workflow) === null;
  const trace = useQuery({
    queryKey: ['last trace', workflow],
    queryFn: async ({ signal }) => {
      const run = (await listRuns({ status: 'succeeded', limit: 1 }, workflow, signal)).items[0];
      return run ? readTrace(run.id, signal) : null;
    },
    enabled: mayTrace,
    staleTime: 60_000,
  });
  const found = trace.data?.nodes.find((one) => one.node === node);
  if (!found || found.duration_ms === null) return null;
  const cost = found.cost_nano_usd ? ` · ${formatCost(found.cost_nano_usd)}` : '';
  return formatDuration(found.duration_ms) + cost;
}
