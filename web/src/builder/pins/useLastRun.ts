import { formatCost, formatDuration } from '../../ui/format';
import { useFigures } from '../useFigures';

/** How long a node took in the newest run that succeeded, and what it cost: "4.6 s · $0.0142". Null if nothing is known. */
export function useLastRun(workflow: string, node: string): string | null {
  const found = useFigures(workflow)?.[0]?.find((one) => one.node === node);
  if (!found || found.duration_ms === null) return null;
  const cost = found.cost_nano_usd ? ` · ${formatCost(found.cost_nano_usd)}` : '';
  return formatDuration(found.duration_ms) + cost;
}
