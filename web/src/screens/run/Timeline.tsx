import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type RefObject, useMemo, useRef, useState } from 'react';
import { type Axis, axis, percent } from '../../runs/axis';
import { runClock } from '../../runs/pieces';
import { useScrollMargin } from '../../runs/useScrollMargin';
import { type Folds, type Row, waterfall } from '../../runs/waterfall';
import { Skeleton } from '../../ui/Empty';
import { RowsInView } from '../../ui/RowsInView';
import { useNarrow } from '../../ui/useNarrow';
import { useNow } from './RunFigures';
import style from './Timeline.module.css';
import { ROLES, TimelineRow } from './TimelineRow';
import type { RunData } from './useRunData';

type Props = {
  data: RunData;
  /** The id of the row that is selected. */
  selected: string | null;
  onSelect: (row: Row) => void;
  scroller: RefObject<HTMLElement | null>;
};

/** What ran when: a table with a bar in each row. Only the rows in view are drawn. */
export function Timeline({ data, selected, onSelect, scroller }: Props) {
  const { rows, fold } = useTimelineRows(data);
  const scale = useMemo(
    () => axis(rows.reduce((most, row) => Math.max(most, ...row.pieces.map(({ to }) => to)), 0)),
    [rows],
  );
  const table = useRef<HTMLTableElement>(null);
  const list = useVirtualRows(rows, scroller, table);
  if (!rows.length) return <Skeleton />;
  return (
    <table
      ref={table}
      role={ROLES.table}
      className={style.table}
      aria-label="Timeline"
      aria-rowcount={rows.length + 1}
      onKeyDown={moveFocus}
    >
      <Head scale={scale} />
      <tbody role={ROLES.body}>
        <RowsInView list={list} columns={5}>
          {(index) => {
            const row = rows[index];
            if (!row) return null;
            const shown = { row, index, scale, selected: row.id === selected };
            return <TimelineRow key={row.id} {...shown} onSelect={onSelect} onFold={fold} />;
          }}
        </RowsInView>
      </tbody>
    </table>
  );
}

const Head = ({ scale }: { scale: Axis }) => (
  <thead>
    <tr>
      <th scope="col" className={style.name}>
        Node
      </th>
      <th scope="col" className={style.chart}>
        <span className="visually-hidden">When</span>
        {scale.ticks.map(({ at, label }) => (
          <span key={at} className={style.tick} style={{ left: percent(scale, at) }} aria-hidden>
            {label}
          </span>
        ))}
      </th>
      {['Tries', 'Tokens', 'Cost'].map((label) => (
        <th key={label} scope="col" className={style.figure}>
          {label}
        </th>
      ))}
    </tr>
  </thead>
);

/** The rows, and which of them are folded. While the run goes on they grow. */
function useTimelineRows({ run, nodes, over, document }: RunData) {
  const narrow = useNarrow();
  const [changed, setFolds] = useState<Folds>({ opened: new Set(), closed: new Set() });
  const folds = useMemo(() => ({ ...changed, brief: narrow }), [changed, narrow]);
  const ticking = !over && run.status !== 'waiting';
  const now = useNow(ticking);
  const rows = useMemo(() => {
    const clock = runClock(run, now);
    const planned = document?.outline?.nodes ?? [];
    return waterfall(nodes, planned, { clock, folds, over, queuedMs: run.queued_ms ?? queued(run) });
  }, [run, nodes, over, document, folds, now]);
  const fold = (row: Row) =>
    setFolds(({ opened, closed }) => {
      const open = row.fold === 'open';
      return { opened: toggled(opened, row.id, !open), closed: toggled(closed, row.id, open) };
    });
  return { rows, fold };
}

const queued = (run: { created_at: string; started_at: string | null }) =>
  run.started_at ? new Date(run.started_at).getTime() - new Date(run.created_at).getTime() : null;

function toggled(set: ReadonlySet<string>, id: string, has: boolean): ReadonlySet<string> {
  const next = new Set(set);
  if (has) next.add(id);
  else next.delete(id);
  return next;
}

/** The height of the head of the table. */
const HEAD = 28;

function useVirtualRows(
  rows: Row[],
  scroller: RefObject<HTMLElement | null>,
  table: RefObject<HTMLTableElement | null>,
) {
  const narrow = useNarrow();
  const margin = useScrollMargin(() => scroller.current, table) + HEAD;
  return useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (narrow ? (rows[index]?.pieces.length ? 54 : 38) : 28),
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 15,
    scrollMargin: margin,
  });
}

/** The arrows move through the rows, left and right fold. */
function moveFocus(event: KeyboardEvent<HTMLElement>) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = (event.target as HTMLElement).closest('tr');
  if (!row) return;
  const fold = row.querySelector<HTMLElement>('[aria-expanded]');
  const wanted = { ArrowRight: 'false', ArrowLeft: 'true' }[event.key];
  if (wanted && fold?.getAttribute('aria-expanded') === wanted) fold.click();
  if (!step) return;
  event.preventDefault();
  const other = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  other?.querySelector<HTMLElement>('[data-name]')?.focus();
}
