import type { StatsItem } from '../../api/stats';
import { formatCost, formatCount, formatCountOf, formatDuration, formatShare } from '../../ui/format';
import { Chart, type Line } from './Chart';
import style from './Numbers.module.css';
import { pointsOf, type Step, type Time } from './series';

const RUNS: Line[] = [
  { label: 'runs', look: 'plain', value: ({ item }) => item?.runs ?? 0 },
  { label: 'failed', look: 'bad', value: ({ item }) => item?.failed ?? 0 },
];

const DURATIONS: Line[] = [
  { label: 'p95', look: 'strong', value: ({ item }) => item?.p95_ms ?? null },
  { label: 'p50', look: 'soft', value: ({ item }) => item?.p50_ms ?? null },
];

const COST: Line[] = [{ label: 'spent', look: 'strong', value: ({ item }) => item?.cost_nano_usd ?? 0 }];

const TOKENS: Line[] = [{ label: 'tokens', look: 'strong', value: ({ item }) => item?.tokens ?? 0 }];

type Props = { items: StatsItem[]; sums: StatsItem | undefined; time: Time; step: Step; from: Date };

export function Charts({ items, sums, time, step, from }: Props) {
  const points = pointsOf(items, from, time, step);
  const common = { points, step };
  if (!sums) return null;
  return (
    <div className={style.charts}>
      <Chart
        {...common}
        title="Runs"
        as="bars"
        lines={RUNS}
        write={formatCount}
        total={
          <>
            <b>{formatCount(sums.runs)}</b> runs, <b>{formatCount(sums.failed)}</b> failed (
            {formatShare(sums.failed, sums.runs)})
          </>
        }
      />
      <Chart
        {...common}
        title="Duration"
        as="lines"
        lines={DURATIONS}
        write={formatDuration}
        total={
          sums.p50_ms !== null &&
          sums.p95_ms !== null && (
            <>
              <b>{formatDuration(sums.p95_ms)}</b> p95, <b>{formatDuration(sums.p50_ms)}</b> p50 (dashed),{' '}
              <b>{formatDuration(sums.queued_ms ?? 0)}</b> mean queue
            </>
          )
        }
      />
      <Chart
        {...common}
        title="Cost"
        as="bars"
        lines={COST}
        write={formatCost}
        total={
          <>
            <b>{formatCost(sums.cost_nano_usd)}</b>
            {sums.cost_unknown_runs > 0 && `, and ${formatCountOf(sums.cost_unknown_runs, 'run')} of unknown cost`}
          </>
        }
      />
      <Chart
        {...common}
        title="Tokens"
        as="bars"
        lines={TOKENS}
        write={formatCount}
        total={
          <>
            <b>{formatCount(sums.tokens)}</b>
            {sums.tokens_unknown_runs > 0 &&
              `, and ${formatCountOf(sums.tokens_unknown_runs, 'run')} of unknown tokens`}
          </>
        }
      />
    </div>
  );
}
