import { memo } from 'react';
import { Link } from 'wouter';
import type { Run } from '../api/runs';
import { classes } from '../ui/classes';
import { formatCost, formatCount, formatDateTime, formatDuration, shortId } from '../ui/format';
import { Status } from '../ui/Status';
import style from './RunsTable.module.css';

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

export const RunRow = memo(function RunRow({
  run,
  index,
  single,
  chosen,
  fresh,
  startedBy,
  onChoose,
  onOpen,
}: RowProps) {
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
        <Choose id={run.id} chosen={chosen} onChoose={onChoose} />
      </td>
      <td>
        <Status state={run.status} />
      </td>
      <Names run={run} single={single} />
      <td className={style.failedAt} title={run.error?.message}>
        {run.error?.node && <b className="mono">{run.error.node}</b>} {run.error?.code}
      </td>
      <td className={style.started} title={formatDateTime(run.created_at)}>
        <time dateTime={run.created_at}>{startedAt(run.created_at)}</time>
      </td>
      <Figures run={run} />
      <td className={style.key}>{startedBy}</td>
    </tr>
  );
});

const Choose = ({ id, chosen, onChoose }: { id: string } & Pick<RowProps, 'chosen' | 'onChoose'>) => (
  <label>
    <input
      type="checkbox"
      aria-label={`Choose ${id}`}
      checked={chosen}
      onChange={(event) => onChoose(id, (event.nativeEvent as MouseEvent).shiftKey)}
    />
  </label>
);

const Names = ({ run, single }: Pick<RowProps, 'run' | 'single'>) => (
  <>
    <td className="mono">
      <Link href={`/runs/${run.id}`} className={style.link} title={run.id}>
        {shortId(run.id)}
      </Link>
      {!single && <span className={style.below}>{run.workflow_name}</span>}
    </td>
    <td className={single ? style.version : style.workflow}>
      <span className={style.named}>
        {!single && <span title={run.workflow_name}>{run.workflow_name}</span>}
        <code>{run.version}</code>
      </span>
    </td>
  </>
);

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
