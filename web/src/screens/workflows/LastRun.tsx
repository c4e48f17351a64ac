import { Link } from 'wouter';
import type { LastRun as Last } from '../../api/workflows';
import { formatAgo, formatDateTime } from '../../ui/format';
import { Status } from '../../ui/Status';
import style from './Workflows.module.css';

/** The newest run: its state, and when it ended. */
export function LastRun({ run }: { run: Last | null | undefined }) {
  if (!run) return <span className={style.faint}>never</span>;
  return (
    <Link href={`/runs/${run.id}`} className={style.lastRun} title={formatDateTime(run.ended_at ?? run.created_at)}>
      {run.status === 'failed' ? (
        <Status state="failed" word={formatAgo(run.ended_at ?? run.created_at)} />
      ) : run.ended_at ? (
        <span className={style.ended}>
          <Status state={run.status} word="" />
          <span className="visually-hidden">{run.status}</span>
          {formatAgo(run.ended_at)}
        </span>
      ) : (
        <Status state={run.status} word={run.status} />
      )}
    </Link>
  );
}
