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
  const narrow = useNarrow();
  const same = useSameFailures(run);
  const { error } = run;
  if (!error) return null;
  const list = listOf(run.workflow_id, error);
  const node = nodes.find((item) => item.node === error.node);
  return (
    <Note tone="bad" actions={same && !narrow && <Actions run={run} same={same} list={list} />}>
      <p>
        <b>{error.node ? `${error.node} failed:` : 'The run failed:'}</b> <code>{error.code}</code>
        {!narrow && ` ${error.message}`}
        {node && node.attempts > 1 && `, ${attempts(node)}`}.{' '}
        {same &&
          (narrow ? (
            <Link className={style.others} href={list}>
              {inOthers(same)}
            </Link>
          ) : (
            `${inOthers(same)} in the last 24 h.`
          ))}
      </p>
      {!error.node && (
        <p>
          <Coded text={adviceFor(error.code)} />
        </p>
      )}
    </Note>
  );
}

/** The list of the runs that failed the same way. */
function listOf(workflow: string, { code, node }: NonNullable<Run['error']>): string {
  const query = new URLSearchParams({ status: 'failed', workflow, code });
  if (node) query.set('node', withoutIterations(node));
  return `/runs?${query}`;
}

function Actions({ run, same, list }: { run: Run; same: Same; list: string }) {
  const [, navigate] = useLocation();
  const [replaying, setReplaying] = useState(false);
  const blocked = useBlocked()('run', run.workflow_id);
  const count = `${same.others + 1}${same.more ? '+' : ''}`;
  return (
    <>
      <Button onClick={() => navigate(list)}>See the {count} runs</Button>
      <Button icon={<RotateCw />} blocked={blocked} onClick={() => setReplaying(true)}>
        Replay all {count}
      </Button>
      {replaying && (
        <ReplayDialog
          chosen={{ count: `${count} runs`, choice: same.choice, runs: same.runs, complete: !same.more }}
          onClose={() => setReplaying(false)}
          onStarted={(job) => navigate(`${list}&job=${job.id}`)}
        />
      )}
    </>
  );
}

const inOthers = ({ others, more }: Same) =>
  `The same node failed in ${others}${more ? '+' : ''} other ${others === 1 ? 'run' : 'runs'}`;

const attempts = ({ attempts: count, duration_ms }: NodeTrace) =>
  `tried ${times(count)}${duration_ms === null ? '' : ` in ${formatDuration(duration_ms)}`}`;

/** This one may be among the runs. */
type Same = { runs: Run[]; others: number; more: boolean; choice: RunChoice };

/** Runs of the last day that failed at the same node with the same code, if there are others than this. */
function useSameFailures(run: Run): Same | null {
  const node = run.error?.node ? withoutIterations(run.error.node) : null;
  const [from] = useState(() => new Date(Date.now() - DAY_MS).toISOString());
  const failure = { status: 'failed', code: run.error?.code, created_from: from, ...(node && { node }) } as const;
  const page = useQuery({
    queryKey: ['same-failures', run.workflow_id, failure],
    queryFn: ({ signal }) => listRuns({ ...failure, limit: MOST }, run.workflow_id, signal),
    enabled: run.error !== null,
  });
  const others = (page.data?.items ?? []).filter(({ id }) => id !== run.id).length;
  if (!page.data || !others) return null;
  const choice: RunChoice = { ...failure, workflow: run.workflow_id };
  return { runs: page.data.items, others, more: page.data.next_cursor !== null, choice };
}
