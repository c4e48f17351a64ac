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
  if (!sums) return null;
  const common = { points: pointsOf(items, from, time, step), step };
  const cost = { total: formatCost(sums.cost_nano_usd), unknown: sums.cost_unknown_runs, of: 'cost' };
  const tokens = { total: formatCount(sums.tokens), unknown: sums.tokens_unknown_runs, of: 'tokens' };
  return (
    <div className={style.charts}>
      <Chart {...common} title="Runs" as="bars" lines={RUNS} write={formatCount} total={<Runs sums={sums} />} />
      <Chart
        {...common}
        title="Duration"
        as="lines"
        lines={DURATIONS}
        write={formatDuration}
        total={<Durations sums={sums} />}
      />
      <Chart {...common} title="Cost" as="bars" lines={COST} write={formatCost} total={<Known {...cost} />} />
      <Chart {...common} title="Tokens" as="bars" lines={TOKENS} write={formatCount} total={<Known {...tokens} />} />
    </div>
  );
}

const Runs = ({ sums: { runs, failed } }: { sums: StatsItem }) => (
  <>
    <b>{formatCount(runs)}</b> runs, <b>{formatCount(failed)}</b> failed ({formatShare(failed, runs)})
  </>
);

function Durations({ sums: { p50_ms, p95_ms, queued_ms } }: { sums: StatsItem }) {
  if (p50_ms === null || p95_ms === null) return null;
  return (
    <>
      <b>{formatDuration(p95_ms)}</b> p95, <b>{formatDuration(p50_ms)}</b> p50 (dashed),{' '}
      <b>{formatDuration(queued_ms ?? 0)}</b> mean queue
    </>
  );
}

/** A sum, and how many runs are not in it because nobody knows theirs. */
const Known = ({ total, unknown, of }: { total: string; unknown: number; of: string }) => (
  <>
    <b>{total}</b>
    {unknown > 0 && `, and ${formatCountOf(unknown, 'run')} of unknown ${of}`}
  </>
);
