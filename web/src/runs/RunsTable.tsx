import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useLayoutEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import type { Run } from '../api/runs';
import { RowsInView } from '../ui/RowsInView';
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
export function RunsTable(props: RunsTableProps) {
  const { runs, workflowId, chosen } = props;
  const table = useRef<HTMLTableElement>(null);
  const rows = useRows(runs, table, props.onEnd);
  const [, navigate] = useLocation();
  const open = useCallback((id: string) => navigate(`/runs/${id}`), [navigate]);
  return (
    <table ref={table} className={style.table} aria-label="Runs" aria-rowcount={runs.length + 1}>
      <RunsHead
        workflowId={workflowId}
        all={runs.length > 0 && runs.every((run) => chosen.has(run.id))}
        some={chosen.size > 0}
        onChooseLoaded={props.onChooseLoaded}
      />
      <tbody>
        <RowsInView list={rows}>
          {(index) => {
            const run = runs[index];
            return (
              run && (
                <RunRow
                  key={run.id}
                  run={run}
                  index={index}
                  single={Boolean(workflowId)}
                  chosen={chosen.has(run.id)}
                  fresh={props.marked.has(run.id)}
                  startedBy={starter(run, props.keyName)}
                  onChoose={props.onChoose}
                  onOpen={open}
                />
              )
            );
          }}
        </RowsInView>
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
