import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, type ReactNode, useCallback, useLayoutEffect, useRef } from 'react';
import { Link, useLocation } from 'wouter';
import type { Run } from '../api/runs';
import { classes } from '../ui/classes';
import { formatCost, formatCount, formatDateTime, formatDuration, shortId } from '../ui/format';
import { Status } from '../ui/Status';
import { useNarrow } from '../ui/useNarrow';
import { starter } from './names';
import style from './RunsTable.module.css';
import { useScrollMargin } from './useScrollMargin';

export type RunsTableProps = {
  runs: Run[];
  /** The runs are of one workflow: its name is left out, the version stays. */
  workflowId?: string;
  chosen: ReadonlySet<string>;
  /** With shift: all from the row that was chosen before. */
  onChoose: (id: string, range: boolean) => void;
  onChooseLoaded: (chosen: boolean) => void;
  /** Rows that came while the list was open. */
  marked: ReadonlySet<string>;
  keyName: (id: string) => string;
  /** Called when the end of the list is near. */
  onEnd: () => void;
};

/** The list of runs: only the rows in view are drawn, the page scrolls. */
export function RunsTable({
  runs,
  workflowId,
  chosen,
  onChoose,
  onChooseLoaded,
  marked,
  keyName,
  onEnd,
}: RunsTableProps) {
  const table = useRef<HTMLTableElement>(null);
  const rows = useRows(runs, table, onEnd);
  const [, navigate] = useLocation();
  const open = useCallback((id: string) => navigate(`/runs/${id}`), [navigate]);
  const items = rows.getVirtualItems();
  const first = items[0]?.start ?? 0;
  const margin = rows.options.scrollMargin;
  const last = items.at(-1)?.end ?? 0;
  return (
    <table ref={table} className={style.table} aria-label="Runs" aria-rowcount={runs.length + 1}>
      <Head
        workflowId={workflowId}
        all={runs.length > 0 && runs.every((run) => chosen.has(run.id))}
        some={chosen.size > 0}
        onChooseLoaded={onChooseLoaded}
      />
      <tbody>
        <Space height={first - margin} />
        {items.map((item) => {
          const run = runs[item.index];
          return (
            run && (
              <RunRow
                key={run.id}
                run={run}
                index={item.index}
                single={Boolean(workflowId)}
                chosen={chosen.has(run.id)}
                fresh={marked.has(run.id)}
                startedBy={starter(run, keyName)}
                onChoose={onChoose}
                onOpen={open}
              />
            )
          );
        })}
        <Space height={rows.getTotalSize() - (last - margin)} />
      </tbody>
    </table>
  );
}

const main = () => document.getElementById('main');

function useRows(runs: Run[], table: React.RefObject<HTMLTableElement | null>, onEnd: () => void) {
  const narrow = useNarrow();
  const margin = useScrollMargin(main, table);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: main,
    // A row has a second line on a phone.
    estimateSize: () => (narrow ? 52 : 40),
    getItemKey: (index) => runs[index]?.id ?? index,
    overscan: 8,
    scrollMargin: margin,
    scrollPaddingStart: 40,
    scrollPaddingEnd: 80,
  });
  const end = rows.getVirtualItems().at(-1)?.index ?? 0;
  useLayoutEffect(() => {
    if (runs.length && end >= runs.length - 20) onEnd();
  });
  return rows;
}

/** Keeps the place of the rows that are not drawn. One cell: more would add columns where some are hidden. */
const Space = ({ height }: { height: number }) =>
  height > 0 ? (
    <tr aria-hidden>
      <td className={style.space} style={{ height }} />
    </tr>
  ) : null;

type HeadProps = {
  workflowId: string | undefined;
  all: boolean;
  some: boolean;
  onChooseLoaded: (chosen: boolean) => void;
};

function Head({ workflowId, all, some, onChooseLoaded }: HeadProps) {
  return (
    <thead>
      <tr>
        <th scope="col" className={style.check}>
          <input
            type="checkbox"
            aria-label="Choose all loaded runs"
            checked={all}
            ref={(box) => {
              if (box) box.indeterminate = some && !all;
            }}
            onChange={() => onChooseLoaded(!all)}
          />
        </th>
        <th scope="col" className={style.status}>
          Status
        </th>
        <th scope="col" className={style.run}>
          Run
        </th>
        <th scope="col" className={workflowId ? style.version : style.workflow}>
          {workflowId ? 'Version' : 'Workflow'}
        </th>
        <th scope="col" className={style.failedAt}>
          Failed at
        </th>
        <th scope="col" className={style.started}>
          Started
        </th>
        <Numeric>Duration</Numeric>
        <Numeric wide>Queue</Numeric>
        <Numeric wide>Tokens</Numeric>
        <Numeric wide>Cost</Numeric>
        <th scope="col" className={style.key}>
          Key
        </th>
      </tr>
    </thead>
  );
}

const Numeric = ({ children, wide }: { children: ReactNode; wide?: boolean }) => (
  <th scope="col" className={classes(style.numeric, wide && style.wide)}>
    {children}
  </th>
);

type RowProps = {
  run: Run;
  index: number;
  single: boolean;
  chosen: boolean;
  fresh: boolean;
  startedBy: string;
  onChoose: (id: string, range: boolean) => void;
  onOpen: (id: string) => void;
};

const RunRow = memo(function RunRow({ run, index, single, chosen, fresh, startedBy, onChoose, onOpen }: RowProps) {
  const open = (event: React.MouseEvent) => {
    if ((event.target as HTMLElement).closest('a, input, label')) return;
    if (event.shiftKey) onChoose(run.id, true);
    else if (!getSelection()?.toString()) onOpen(run.id);
  };
  return (
    <tr
      className={classes(style.row, chosen && style.chosen, fresh && style.fresh)}
      aria-rowindex={index + 2}
      data-row={run.id}
      onClick={open}
    >
      <td className={style.check}>
        <label>
          <input
            type="checkbox"
            aria-label={`Choose ${run.id}`}
            checked={chosen}
            onChange={(event) => onChoose(run.id, (event.nativeEvent as MouseEvent).shiftKey)}
          />
        </label>
      </td>
      <td>
        <Status state={run.status} />
      </td>
      <td className="mono">
        <Link href={`/runs/${run.id}`} className={style.link} title={run.id}>
          {shortId(run.id)}
        </Link>
        {!single && <span className={style.below}>{run.workflow_name}</span>}
      </td>
      <td className={single ? style.version : style.workflow}>
        {!single && `${run.workflow_name} `}
        <code>{run.version}</code>
      </td>
      <td className={style.failedAt} title={run.error?.message}>
        {run.error && (
          <>
            {run.error.node && <b className="mono">{run.error.node}</b>} {run.error.code}
          </>
        )}
      </td>
      <td className={style.started} title={formatDateTime(run.created_at)}>
        <time dateTime={run.created_at}>{startedAt(run.created_at)}</time>
      </td>
      <Figures run={run} />
      <td className={style.key}>{startedBy}</td>
    </tr>
  );
});

function Figures({ run }: { run: Run }) {
  const over = run.ended_at !== null;
  return (
    <>
      <td className={style.numeric}>{run.duration_ms === null ? '' : formatDuration(run.duration_ms)}</td>
      <td className={classes(style.numeric, style.wide, style.faint)}>
        {run.queued_ms === null || run.queued_ms === undefined ? '' : formatDuration(run.queued_ms)}
      </td>
      <td className={classes(style.numeric, style.wide)}>{over ? formatCount(run.usage.tokens) : ''}</td>
      <td className={classes(style.numeric, style.wide)}>{over ? formatCost(run.usage.cost_nano_usd) : ''}</td>
    </>
  );
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const older = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** The time of day, with the day if it was another; "now" would change while one reads. */
function startedAt(time: string): string {
  const at = new Date(time);
  return (at.toDateString() === new Date().toDateString() ? clock : older).format(at);
}
