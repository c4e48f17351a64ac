import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useLayoutEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import type { Run } from '../api/runs';
import { useNarrow } from '../ui/useNarrow';
import { starter } from './names';
import { RunRow } from './RunRow';
import { RunsHead } from './RunsHead';
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
      <RunsHead
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
