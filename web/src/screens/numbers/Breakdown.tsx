import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { type StatsBy, type StatsItem, type StatsQuery, statsOf } from '../../api/stats';
import { Failure } from '../../app/Failure';
import { useParam } from '../../app/useParam';
import { Empty, Skeleton } from '../../ui/Empty';
import { formatCost, formatCount, formatDuration, formatShare } from '../../ui/format';
import { Meter } from '../../ui/Meter';
import { Sparkline } from '../../ui/Sparkline';
import { type Column, sorted, Table } from '../../ui/Table';
import style from './Numbers.module.css';
import { BYS, runsOf, useNames } from './names';
import { pointsOf, type Step, TIMES, type Time } from './series';

type Props = { query: StatsQuery; by: StatsBy; workflow: string; time: Time; step: Step; from: Date };

/** The sums of each name. */
export function Breakdown({ query, by, workflow, time, step, from }: Props) {
  const [sort, setSort] = useParam('sort', '-runs');
  const totals = useQuery(statsOf({ ...query, step: 'total', by }));
  const series = useQuery(statsOf({ ...query, step, by }));
  const nameOf = useNames(by);
  if (!totals.data) {
    return totals.error ? <Failure error={totals.error} what="the numbers" onRetry={totals.refetch} /> : <Skeleton />;
  }
  if (!totals.data.items.length) return <Empty title={BYS[by].failures ? 'No run failed' : 'Nothing to show'} />;
  const most = Math.max(...totals.data.items.map((item) => item.runs));
  const bars = (name: string | undefined) =>
    pointsOf(series.data?.items.filter((item) => item.name === name) ?? [], from, time, step).map(({ item }) => ({
      runs: item?.runs ?? 0,
      failed: item?.failed ?? 0,
    }));
  const columns: Column<StatsItem>[] = [
    {
      id: 'name',
      head: BYS[by].label,
      compare: (a, b) => nameOf(a.name).localeCompare(nameOf(b.name)),
      cell: ({ name }) => <Name text={nameOf(name)} href={runsOf(by, name, workflow)} />,
    },
    {
      id: 'bars',
      head: `Runs per ${step}`,
      hideBelow: 'tablet',
      cell: (item) => (
        <Sparkline
          bars={bars(item.name)}
          width={170}
          label={`${formatCount(item.runs)} runs in ${TIMES[time].words}, ${formatCount(item.failed)} failed`}
        />
      ),
    },
    ...numbers(BYS[by].failures ?? false, most),
  ];
  const order = { column: sort.replace('-', ''), down: sort.startsWith('-') };
  return (
    <Table
      dense
      label={`By ${BYS[by].label.toLowerCase()}`}
      columns={columns}
      rows={sorted(totals.data.items, columns, order)}
      rowKey={(item) => item.name ?? ''}
      sort={order}
      onSort={(next) => setSort(`${next.down ? '-' : ''}${next.column}`)}
    />
  );
}

const Name = ({ text, href }: { text: string; href: string | null }) =>
  href ? (
    <Link href={href} className={style.name}>
      {text}
    </Link>
  ) : (
    <span className={style.name}>{text}</span>
  );

const by = (read: (item: StatsItem) => number | null) => (a: StatsItem, b: StatsItem) =>
  (read(a) ?? -1) - (read(b) ?? -1);

/** The columns of numbers. Failures alone have neither durations nor a share. */
function numbers(failures: boolean, most: number): Column<StatsItem>[] {
  const runs: Column<StatsItem> = {
    id: 'runs',
    head: failures ? 'Failed runs' : 'Runs',
    numeric: true,
    compare: by((item) => item.runs),
    cell: (item) => (
      <span className={style.runs}>
        <Meter value={item.runs} most={most} />
        {formatCount(item.runs)}
      </span>
    ),
  };
  const number = (
    id: string,
    head: string,
    read: (item: StatsItem) => number | null,
    write: (n: number) => string,
  ) => ({
    id,
    head,
    numeric: true,
    hideBelow: id === 'p95' || id === 'cost' ? undefined : ('tablet' as const),
    compare: by(read),
    cell: (item: StatsItem) => {
      const value = read(item);
      return value === null ? '' : write(value);
    },
  });
  const cost = [
    number('tokens', 'Tokens', (item) => item.tokens, formatCount),
    number('cost', 'Cost', (item) => item.cost_nano_usd, formatCost),
  ];
  if (failures) return [runs, ...cost];
  const failed: Column<StatsItem> = {
    id: 'failed',
    head: 'Failed',
    numeric: true,
    compare: by((item) => item.failed),
    cell: ({ failed, runs }) => (
      <>
        {formatCount(failed)} {failed > 0 && <span className={style.share}>{formatShare(failed, runs)}</span>}
      </>
    ),
  };
  return [
    runs,
    failed,
    number('p50', 'p50', (item) => item.p50_ms, formatDuration),
    number('p95', 'p95', (item) => item.p95_ms, formatDuration),
    number('p99', 'p99', (item) => item.p99_ms, formatDuration),
    ...cost,
  ];
}
