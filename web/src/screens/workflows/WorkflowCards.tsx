import { Link } from 'wouter';
import { describeBars } from '../../api/range';
import { classes } from '../../ui/classes';
import { formatCount, formatDuration } from '../../ui/format';
import { Sparkline } from '../../ui/Sparkline';
import { FailingNote } from './FailingNote';
import { LastRun } from './LastRun';
import style from './Workflows.module.css';
import { type ListProps, Version } from './WorkflowTable';
import type { WorkflowRow } from './workflowRows';

/** The list on a phone: two lines for each workflow. */
export function WorkflowCards({ rows, failing, range, onDialog }: ListProps) {
  return (
    <ul className={style.cards} aria-label="Workflows">
      {rows
        .toSorted((a, b) => (b.total?.runs ?? 0) - (a.total?.runs ?? 0))
        .map((row) => {
          const state = failing.get(row.workflow.id);
          return (
            <li key={row.workflow.id} data-row={row.workflow.id}>
              <div className={style.line}>
                <Link href={`/workflows/${row.workflow.id}`}>{row.workflow.name}</Link>
                <Version workflow={row.workflow} />
                {row.workflow.last_run !== undefined && <LastRun run={row.workflow.last_run} />}
              </div>
              {row.total && (
                <div className={style.line}>
                  {row.bars && <Sparkline bars={row.bars} label={describeBars(row.bars, range)} />}
                  <Counts total={row.total} bad={state !== undefined} />
                </div>
              )}
              {state && <FailingNote workflow={row.workflow} failing={state} range={range} onDialog={onDialog} />}
            </li>
          );
        })}
    </ul>
  );
}

function Counts({ total, bad }: { total: NonNullable<WorkflowRow['total']>; bad: boolean }) {
  return (
    <p className={style.counts}>
      <span>
        <b>{formatCount(total.runs)}</b> runs
      </span>
      <span>
        <b className={classes(bad && style.bad)}>{formatCount(total.failed)}</b> failed
      </span>
      {total.p95_ms !== null && (
        <span>
          p95 <b>{formatDuration(total.p95_ms)}</b>
        </span>
      )}
    </p>
  );
}
