import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { type StatsBy, type StatsItem, type StatsQuery, statsOf } from '../../api/stats';
import { Loaded } from '../../app/Loaded';
import { useParam } from '../../app/useParam';
import { Empty } from '../../ui/Empty';
import { formatCost, formatCount, formatDuration, formatShare } from '../../ui/format';
import { Meter } from '../../ui/Meter';
import { Sparkline } from '../../ui/Sparkline';
import { type Column, sorted, Table } from '../../ui/Table';
import style from './Numbers.module.css';
import { BYS, runsOf, useNames } from './names';
import { pointsOf, type Step, TIMES, type Time } from './series';

type Props = { query: StatsQuery; by: StatsBy; workflow: string; time: Time; step: Step; from: Date };

/** The sums of each name. */
export function Breakdown(props: Props) {
  const { query, by } = props;
  const totals = useQuery(statsOf({ ...query, step: 'total', by }));
  return (
    <Loaded of={totals} what="the numbers">
      {({ items }) =>
        items.length ? (
          <Sums {...props} items={items} />
        ) : (
          <Empty title={BYS[by].failures ? 'No run failed' : 'Nothing to show'} />
        )
      }
    </Loaded>
  );
}

function Sums({ items, ...props }: Props & { items: StatsItem[] }) {
  const { by } = props;
  const [sort, setSort] = useParam('sort', '-runs');
  const most = Math.max(...items.map((item) => item.runs));
  const columns = [...useNameColumns(props), ...numbers(BYS[by].failures ?? false, most)];
  const order = { column: sort.replace('-', ''), down: sort.startsWith('-') };
  return (
    <Table
      dense
      label={`By ${BYS[by].label.toLowerCase()}`}
      columns={columns}
      rows={sorted(items, columns, order)}
      rowKey={(item) => item.name ?? ''}
      sort={order}
      onSort={(next) => setSort(`${next.down ? '-' : ''}${next.column}`)}
    />
  );
}

/** What is summed, and its runs over time. */
function useNameColumns({ query, by, workflow, time, step, from }: Props): Column<StatsItem>[] {
  const series = useQuery(statsOf({ ...query, step, by }));
  const nameOf = useNames(by);
  const bars = (name: string | undefined) =>
    pointsOf(series.data?.items.filter((item) => item.name === name) ?? [], from, time, step).map(({ item }) => ({
      runs: item?.runs ?? 0,
      failed: item?.failed ?? 0,
    }));
  return [
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
  ];
}

const Name = ({ text, href }: { text: string; href: string | null }) =>
  href ? (
    <Link href={href} className={style.name}>
      {text}
    </Link>
  ) : (
    <span className={style.name}>{text}</span>
  );

type Read = (item: StatsItem) => number | null;

const by = (read: Read) => (a: StatsItem, b: StatsItem) => (read(a) ?? -1) - (read(b) ?? -1);

/** The columns of numbers. Failures alone have neither durations nor a share. */
function numbers(failures: boolean, most: number): Column<StatsItem>[] {
  const runs = runsColumn(failures ? 'Failed runs' : 'Runs', most);
  const cost = [
    number('tokens', 'Tokens', (item) => item.tokens, formatCount),
    number('cost', 'Cost', (item) => item.cost_nano_usd, formatCost),
  ];
  if (failures) return [runs, ...cost];
  return [
    runs,
    FAILED,
    number('p50', 'p50', (item) => item.p50_ms, formatDuration),
    number('p95', 'p95', (item) => item.p95_ms, formatDuration),
    number('p99', 'p99', (item) => item.p99_ms, formatDuration),
    ...cost,
  ];
}

const runsColumn = (head: string, most: number): Column<StatsItem> => ({
  id: 'runs',
  head,
  numeric: true,
  compare: by((item) => item.runs),
  cell: (item) => (
    <span className={style.runs}>
      <Meter value={item.runs} most={most} />
      {formatCount(item.runs)}
    </span>
  ),
});

const FAILED: Column<StatsItem> = {
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

const number = (id: string, head: string, read: Read, write: (n: number) => string): Column<StatsItem> => ({
  id,
  head,
  numeric: true,
  hideBelow: id === 'p95' || id === 'cost' ? undefined : 'tablet',
  compare: by(read),
  cell: (item) => {
    const value = read(item);
    return value === null ? '' : write(value);
  },
});
