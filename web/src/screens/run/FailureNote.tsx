import { useQuery } from '@tanstack/react-query';
import { RotateCw } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { listRuns, type NodeTrace, type Run, type RunChoice } from '../../api/runs';
import { useBlocked } from '../../app/useSession';
import { adviceFor } from '../../runs/advice';
import { times } from '../../runs/notes';
import { ReplayDialog } from '../../runs/ReplayDialog';
import { withoutIterations } from '../../runs/traceTree';
import { Button } from '../../ui/Button';
import { Coded } from '../../ui/Coded';
import { formatDuration } from '../../ui/format';
import { Note } from '../../ui/Note';
import { useNarrow } from '../../ui/useNarrow';
import style from './FailureNote.module.css';

const DAY_MS = 86_400_000;
const MOST = 100;

/** Where and why the run failed, and how many others did the same. */
export function FailureNote({ run, nodes }: { run: Run; nodes: NodeTrace[] }) {
  const [, navigate] = useLocation();
  const [replaying, setReplaying] = useState(false);
  const narrow = useNarrow();
  const same = useSameFailures(run);
  const blocked = useBlocked()('run', run.workflow_id);
  const { error } = run;
  if (!error) return null;
  const node = nodes.find((item) => item.node === error.node);
  const others = same ? same.runs.filter(({ id }) => id !== run.id).length : 0;
  const count = `${others + 1}${same?.more ? '+' : ''}`;
  const list = new URLSearchParams({ status: 'failed', workflow: run.workflow_id, code: error.code });
  if (error.node) list.set('node', withoutIterations(error.node));
  return (
    <Note
      tone="bad"
      actions={
        others > 0 &&
        same &&
        !narrow && (
          <>
            <Button onClick={() => navigate(`/runs?${list}`)}>See the {count} runs</Button>
            <Button icon={<RotateCw />} blocked={blocked} onClick={() => setReplaying(true)}>
              Replay all {count}
            </Button>
          </>
        )
      }
    >
      <p>
        <b>{error.node ? `${error.node} failed:` : 'The run failed:'}</b> <code>{error.code}</code>
        {!narrow && ` ${error.message}`}
        {node && node.attempts > 1 && `, ${attempts(node)}`}.{' '}
        {others > 0 &&
          same &&
          (narrow ? (
            <Link className={style.others} href={`/runs?${list}`}>
              {inOthers(others, same.more)}
            </Link>
          ) : (
            `${inOthers(others, same.more)} in the last 24 h.`
          ))}
      </p>
      {!error.node && (
        <p>
          <Coded text={adviceFor(error.code)} />
        </p>
      )}
      {replaying && same && (
        <ReplayDialog
          chosen={{ count: `${count} runs`, choice: same.choice, runs: same.runs, complete: !same.more }}
          onClose={() => setReplaying(false)}
          onStarted={(job) => navigate(`/runs?${list}&job=${job.id}`)}
        />
      )}
    </Note>
  );
}

const inOthers = (others: number, more: boolean) =>
  `The same node failed in ${others}${more ? '+' : ''} other ${others === 1 ? 'run' : 'runs'}`;

const attempts = ({ attempts: count, duration_ms }: NodeTrace) =>
  `tried ${times(count)}${duration_ms === null ? '' : ` in ${formatDuration(duration_ms)}`}`;

/** Runs of the last day that failed at the same node with the same code; this one may be among them. */
function useSameFailures(run: Run) {
  const node = run.error?.node ? withoutIterations(run.error.node) : null;
  const [from] = useState(() => new Date(Date.now() - DAY_MS).toISOString());
  const failure = { status: 'failed', code: run.error?.code, created_from: from, ...(node && { node }) } as const;
  const page = useQuery({
    queryKey: ['same-failures', run.workflow_id, failure],
    queryFn: ({ signal }) => listRuns({ ...failure, limit: MOST }, run.workflow_id, signal),
    enabled: run.error !== null,
  });
  if (!page.data) return null;
  const choice: RunChoice = { ...failure, workflow: run.workflow_id };
  return { runs: page.data.items, more: page.data.next_cursor !== null, choice };
}
