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
import { Menu, type MenuItem } from '../../ui/Menu';
import { Status } from '../../ui/Status';
import { useCopy } from '../../ui/useCopy';
import { useNarrow } from '../../ui/useNarrow';
import { CancelRun } from './CancelRun';
import type { Place } from './place';
import type { Rerun } from './Rerun';
import style from './TopBar.module.css';
import type { RunData } from './useRunData';

type Props = { data: RunData; place: Place; rerun: Rerun };

const COPIED = { 'not yet': 'Copy as curl', copied: 'Copied', refused: 'The browser did not copy it' };

/** Which run it is, how it stands, and what can be done with it. */
export function TopBar({ data, place, rerun }: Props) {
  const { run, over } = data;
  const narrow = useNarrow();
  const others = useActions({ data, place, rerun });
  const [cancelling, setCancelling] = useState(false);
  const cancel = {
    label: 'Cancel',
    icon: <Ban />,
    danger: true,
    blocked: useBlocked()('cancel', run.workflow_id),
    onSelect: () => setCancelling(true),
  };
  return (
    <header className={style.bar}>
      <Where run={run} />
      <Status state={run.status} soft />
      <time className={style.time} dateTime={run.created_at}>
        {formatDateTime(run.created_at)}
      </time>
      <div className={style.actions}>
        {narrow ? (
          <Menu label="Actions of this run" items={over ? others : [...others, cancel]} />
        ) : (
          <>
            <Buttons of={others} />
            {over ? <RerunButton rerun={rerun} /> : <Buttons of={[cancel]} />}
          </>
        )}
      </div>
      {cancelling && <CancelRun run={run} onClose={() => setCancelling(false)} />}
    </header>
  );
}

const Where = ({ run }: { run: RunData['run'] }) => (
  <>
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
  </>
);

type Action = MenuItem & { quiet?: boolean };

const Buttons = ({ of }: { of: Action[] }) =>
  of.map(({ label, icon, onSelect, danger, blocked, quiet }) => (
    <Button
      key={label}
      look={danger ? 'danger' : quiet ? 'quiet' : 'normal'}
      icon={icon}
      blocked={blocked}
      onClick={onSelect}
    >
      {label}
    </Button>
  ));

const RerunButton = ({ rerun }: { rerun: Rerun }) => (
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
);

function useActions({ data: { run, over }, place, rerun }: Props): Action[] {
  const [, navigate] = useLocation();
  const copied = useCopy();
  const copy = () => copied.copy(runAsCurl(BASE, run));
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
  return [
    { label: COPIED[copied.state ?? 'not yet'], icon: <Terminal />, onSelect: copy, quiet: true },
    { label: 'Compare', icon: <StretchHorizontal />, onSelect: compare },
    { label: 'Open in builder', icon: <WorkflowIcon />, onSelect: builder },
  ];
}
