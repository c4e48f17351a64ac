import { useQuery } from '@tanstack/react-query';
import { countLiveRuns } from '../../api/counts';
import { type Range, SPANS } from '../../api/range';
import { type StatsItem, statsOf } from '../../api/stats';
import { type Figure, Figures } from '../../ui/Figures';
import { formatCost, formatCount, formatCountOf, formatDuration, formatShare } from '../../ui/format';
import { change } from './workflowRows';

/** The sums over all workflows. */
export function WorkflowFigures({ range, from }: { range: Range; from: Date }) {
  const { hours, words } = SPANS[range];
  const start = from.toISOString();
  const before = new Date(from.getTime() - hours * 3_600_000).toISOString();
  const now = useQuery(statsOf({ from: start, step: 'total' }));
  // `to` names the hour that is in: the one before the start.
  const last = new Date(from.getTime() - 3_600_000).toISOString();
  const earlier = useQuery(statsOf({ from: before, to: last, step: 'total' }));
  const live = useQuery({ queryKey: ['count', 'live'], queryFn: countLiveRuns, retry: false, staleTime: 15_000 });
  if (now.isError && !now.data) return null;
  const sums = now.data?.items.at(0);
  return (
    <Figures
      figures={[
        {
          label: `Runs, ${words}`,
          value: now.data ? formatCount(sums?.runs ?? 0) : '…',
          note: now.data && change(sums?.runs ?? 0, earlier.data?.items.at(0)?.runs ?? 0, words),
        },
        ...(sums ? ofRuns(sums) : now.data ? [] : WAITING),
        ...(live.data ? [{ label: 'Live now', value: live.data }] : []),
      ]}
    />
  );
}

/** Keeps the place of the figures while they load. */
const WAITING = ['Failed', 'p95', 'Cost'].map((label): Figure => ({ label, value: '…' }));

function ofRuns(sums: StatsItem): Figure[] {
  const known = sums.runs - sums.cost_unknown_runs;
  return [
    { label: 'Failed', value: formatCount(sums.failed), note: formatShare(sums.failed, sums.runs) },
    {
      label: 'p95',
      value: sums.p95_ms === null ? 'none' : formatDuration(sums.p95_ms),
      note: !sums.queued_ms ? null : `after ${formatDuration(sums.queued_ms)} in the queue on average`,
    },
    {
      label: 'Cost',
      value: formatCost(sums.cost_nano_usd),
      note: sums.cost_unknown_runs
        ? `${formatCountOf(sums.cost_unknown_runs, 'run')} of unknown cost`
        : sums.cost_nano_usd > 0 && `${formatCost((sums.cost_nano_usd / known) * 1_000)} per 1,000 runs`,
    },
  ];
}
