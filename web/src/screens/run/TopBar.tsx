import {
  ArrowRightFromLine,
  Ban,
  ChevronLeft,
  StretchHorizontal,
  Terminal,
  Workflow as WorkflowIcon,
} from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { BASE } from '../../api/client';
import { usePageActions } from '../../app/actions';
import { useBlocked } from '../../app/useSession';
import { runAsCurl } from '../../runs/curl';
import { Button } from '../../ui/Button';
import { CopyButton } from '../../ui/CodeBlock';
import { formatDateTime, shortId } from '../../ui/format';
import { Menu } from '../../ui/Menu';
import { Status } from '../../ui/Status';
import { useNarrow } from '../../ui/useNarrow';
import { CancelRun } from './CancelRun';
import type { Place } from './place';
import type { Rerun } from './Rerun';
import style from './TopBar.module.css';
import type { RunData } from './useRunData';

type Props = { data: RunData; place: Place; rerun: Rerun };

/** Which run it is, how it stands, and what can be done with it. */
export function TopBar({ data: { run, over }, place, rerun }: Props) {
  const narrow = useNarrow();
  const actions = useActions({ data: { run, over }, place, rerun });
  const [cancelling, setCancelling] = useState(false);
  const cancel = useBlocked()('cancel', run.workflow_id);
  return (
    <header className={style.bar}>
      <Link href="/runs" className={style.back} aria-label="Back to the runs">
        <ChevronLeft aria-hidden />
      </Link>
      <nav className={style.crumbs} aria-label="Where this is">
        <Link href="/workflows">Workflows</Link>
        <Link href={`/workflows/${run.workflow_id}`}>{run.workflow_name}</Link>
        <Link href={`/workflows/${run.workflow_id}/runs`}>Runs</Link>
      </nav>
      <h1 className={style.id} title={run.id}>
        {shortId(run.id)}
      </h1>
      <CopyButton text={run.id} label="Copy the run's id" quiet />
      <Status state={run.status} soft />
      <time className={style.time} dateTime={run.created_at}>
        {formatDateTime(run.created_at)}
      </time>
      <div className={style.actions}>
        {!narrow &&
          actions.side.map(({ label, icon, onSelect }) => (
            <Button key={label} look={label.startsWith('Copy') ? 'quiet' : 'normal'} icon={icon} onClick={onSelect}>
              {label}
            </Button>
          ))}
        {over
          ? !narrow && (
              <Button
                look="primary"
                icon={<ArrowRightFromLine />}
                shortcut="R"
                blocked={rerun.blocked}
                busy={rerun.busy}
                onClick={rerun.start}
              >
                {rerun.label}
              </Button>
            )
          : !narrow && (
              <Button look="danger" icon={<Ban />} blocked={cancel} onClick={() => setCancelling(true)}>
                Cancel
              </Button>
            )}
        {narrow && (
          <Menu
            label="Actions of this run"
            items={[
              ...actions.side,
              ...(over
                ? []
                : [
                    {
                      label: 'Cancel',
                      icon: <Ban />,
                      danger: true,
                      blocked: cancel,
                      onSelect: () => setCancelling(true),
                    },
                  ]),
            ]}
          />
        )}
      </div>
      {cancelling && <CancelRun run={run} onClose={() => setCancelling(false)} />}
    </header>
  );
}

function useActions({
  data: { run, over },
  place,
  rerun,
}: {
  data: Pick<RunData, 'run' | 'over'>;
  place: Place;
  rerun: Rerun;
}) {
  const [, navigate] = useLocation();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(runAsCurl(BASE, run));
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };
  const builder = () => navigate(`/workflows/${run.workflow_id}?pins=${run.id}`);
  const compare = () => place.go({ tab: 'compare' });
  usePageActions([
    {
      id: 'rerun',
      label: rerun.label,
      hint: 'this run',
      shortcut: 'r',
      run: rerun.start,
      blocked: over ? rerun.blocked : 'The run is not over.',
    },
    { id: 'curl', label: 'Copy as curl', hint: 'this run', run: copy },
    { id: 'compare', label: 'Compare with another run', hint: 'this run', run: compare },
    { id: 'builder', label: 'Open in builder', hint: 'with its values as pins', run: builder },
  ]);
  return {
    side: [
      { label: copied ? 'Copied' : 'Copy as curl', icon: <Terminal />, onSelect: copy },
      { label: 'Compare', icon: <StretchHorizontal />, onSelect: compare },
      { label: 'Open in builder', icon: <WorkflowIcon />, onSelect: builder },
    ],
  };
}
