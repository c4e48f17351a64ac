import { Link } from 'wouter';
import { describeBars, type Range, SPANS } from '../../api/range';
import { useParam } from '../../app/useParam';
import { Chip } from '../../ui/Chip';
import { classes } from '../../ui/classes';
import { formatCost, formatCount, formatDuration, formatShare } from '../../ui/format';
import { Sparkline } from '../../ui/Sparkline';
import { type Column, sorted, Table } from '../../ui/Table';
import { FailingNote } from './FailingNote';
import type { Failing } from './failing';
import { LastRun } from './LastRun';
import type { WorkflowDialog } from './WorkflowDialogs';
import { WorkflowMenu } from './WorkflowMenu';
import style from './Workflows.module.css';
import type { WorkflowRow } from './workflowRows';

export type ListProps = {
  rows: WorkflowRow[];
  failing: Map<string, Failing>;
  range: Range;
  onDialog: (dialog: WorkflowDialog) => void;
};

export function WorkflowTable({ rows, failing, range, onDialog }: ListProps) {
  const [sort, setSort] = useParam('sort', '-runs');
  const columns = columnsOf(
    range,
    failing,
    rows.some((row) => row.workflow.last_run !== undefined),
    onDialog,
  );
  const by = { column: sort.replace('-', ''), down: sort.startsWith('-') };
  return (
    <Table
      label="Workflows"
      columns={columns}
      rows={sorted(rows, columns, by)}
      rowKey={(row) => row.workflow.id}
      sort={by}
      onSort={(next) => setSort(`${next.down ? '-' : ''}${next.column}`)}
      after={(row) => {
        const state = failing.get(row.workflow.id);
        return state && <FailingNote workflow={row.workflow} failing={state} range={range} onDialog={onDialog} />;
      }}
    />
  );
}

type Number_ = (row: WorkflowRow) => number | null | undefined;

const by = (read: Number_) => (a: WorkflowRow, b: WorkflowRow) => (read(a) ?? -1) - (read(b) ?? -1);

const duration = (ms: number | null | undefined) => (ms === null || ms === undefined ? null : formatDuration(ms));

function columnsOf(
  range: Range,
  failing: Map<string, Failing>,
  hasLastRun: boolean,
  onDialog: ListProps['onDialog'],
): Column<WorkflowRow>[] {
  return [
    {
      id: 'name',
      head: 'Name',
      compare: (a, b) => a.workflow.name.localeCompare(b.workflow.name),
      cell: ({ workflow }) => (
        <span className={style.name}>
          <Link href={`/workflows/${workflow.id}`}>{workflow.name}</Link>
          <code>{workflow.id}</code>
        </span>
      ),
    },
    { id: 'version', head: 'Active version', cell: ({ workflow }) => <Version workflow={workflow} /> },
    {
      id: 'bars',
      head: `Runs per ${SPANS[range].bar}`,
      hideBelow: 'tablet',
      cell: ({ bars, workflow }) =>
        bars && workflow.active_version && <Sparkline bars={bars} label={describeBars(bars, range)} />,
    },
    ...numbersOf(failing),
    ...(hasLastRun ? [lastRun] : []),
    {
      id: 'more',
      head: <span className="visually-hidden">More</span>,
      numeric: true,
      width: '40px',
      cell: (row) => <WorkflowMenu row={row} onDialog={onDialog} />,
    },
  ];
}

const numbersOf = (failing: Map<string, Failing>): Column<WorkflowRow>[] => [
  {
    id: 'runs',
    head: 'Runs',
    numeric: true,
    compare: by(({ total }) => total?.runs),
    cell: ({ total }) => total && formatCount(total.runs),
  },
  {
    id: 'failed',
    head: 'Failed',
    numeric: true,
    compare: by(({ total }) => total?.failed),
    cell: (row) => row.total && <Failed row={row} bad={failing.has(row.workflow.id)} />,
  },
  {
    id: 'p50',
    head: 'p50',
    numeric: true,
    hideBelow: 'tablet',
    compare: by(({ total }) => total?.p50_ms),
    cell: ({ total }) => <span className={style.second}>{duration(total?.p50_ms)}</span>,
  },
  {
    id: 'p95',
    head: 'p95',
    numeric: true,
    compare: by(({ total }) => total?.p95_ms),
    cell: ({ total }) => duration(total?.p95_ms),
  },
  {
    id: 'cost',
    head: 'Cost',
    numeric: true,
    compare: by(({ total }) => total?.cost_nano_usd),
    cell: ({ total }) => total && formatCost(total.cost_nano_usd),
  },
];

const lastRun: Column<WorkflowRow> = {
  id: 'last',
  head: <span className={style.apart}>Last run</span>,
  width: '170px',
  compare: by(({ workflow }) => Date.parse(workflow.last_run?.created_at ?? '') || 0),
  cell: ({ workflow }) => (
    <span className={style.apart}>
      <LastRun run={workflow.last_run} />
    </span>
  ),
};

export function Version({ workflow }: { workflow: WorkflowRow['workflow'] }) {
  if (workflow.active_version === null) return <span className={style.faint}>not published</span>;
  return (
    <span className={style.version}>
      <Chip look="outline">{workflow.active_version}</Chip>
      {workflow.draft_ahead && <span className={style.faint}>draft ahead</span>}
    </span>
  );
}

function Failed({ row: { workflow, total }, bad }: { row: WorkflowRow; bad: boolean }) {
  if (!total?.failed) {
    return (
      <span className={style.failed}>
        <span className={style.faint}>0</span>
      </span>
    );
  }
  return (
    <Link href={`/runs?workflow=${workflow.id}&status=failed`} className={style.failed}>
      <span className={classes(bad && style.bad)}>{formatCount(total.failed)}</span>
      <span className={style.share}>{formatShare(total.failed, total.runs)}</span>
    </Link>
  );
}
