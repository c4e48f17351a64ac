import { ArrowRightFromLine, Pin } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { Schemas } from '../../api/client';
import type { NodeTrace } from '../../api/runs';
import { useBlocked } from '../../app/useSession';
import { rerunNode, useRerun } from '../../runs/rerun';
import { savings } from '../../runs/savings';
import { Button } from '../../ui/Button';
import { formatCost, formatDuration } from '../../ui/format';
import { Note } from '../../ui/Note';
import { EditInput } from './EditInput';
import style from './NodePanel.module.css';
import type { RunData } from './useRunData';

export type Rerun = {
  label: string;
  /** Where it begins; null for the whole run. */
  from: string | null;
  content: Schemas['ReplayRun'];
  blocked: string | null;
  busy: boolean;
  error: Error | null;
  start: () => void;
};

/** The rerun that fits what is selected: from the failed node, from the selected one, or of the whole run. */
export function useRerunOf(data: RunData | null, selected: string | null): Rerun {
  const run = data?.run;
  const blocked = useBlocked()('run', run?.workflow_id);
  const rerun = useRerun({ id: run?.id ?? '' });
  const outline = data?.document?.outline ?? null;
  const path = selected ?? run?.error?.node ?? null;
  const from = path && path !== 'api' && path !== 'output' ? rerunNode(path, outline) : null;
  const failed = run?.status === 'failed' && path === run.error?.node;
  const content = !from ? {} : failed ? { all: false } : { from };
  return {
    label: from ? `Rerun from ${from}` : 'Rerun',
    from,
    content,
    blocked: blocked ?? (data?.over ? null : 'The run is not over yet.'),
    busy: rerun.isPending,
    error: rerun.error,
    start: () => rerun.mutate(content),
  };
}

type BoxProps = { data: RunData; node: NodeTrace; rerun: Rerun; brief?: boolean };

/** What a rerun from the selected node keeps, and the ways to begin it. */
export function RerunBox({ data, node, rerun, brief }: BoxProps) {
  const [editing, setEditing] = useState(false);
  if (!rerun.from) return null;
  const { ms, costNanoUsd } = savings(data.nodes, data.document?.outline ?? null, node.node);
  const saves = [ms > 0 && formatDuration(ms), costNanoUsd && formatCost(costNanoUsd)].filter(Boolean).join(' and ');
  return (
    <section className={style.rerun} aria-label="Rerun from here">
      {!brief && <h3>Rerun from here</h3>}
      {brief ? (
        <p>Keeps what does not depend on it{saves && `: saves ${saves}`}.</p>
      ) : (
        <p>
          A new run keeps the results that do not depend on this node{saves && `: saves ${saves}`}. It goes on from{' '}
          <code>{rerun.from}</code>.
        </p>
      )}
      <div className={style.actions}>
        <Button
          look="primary"
          icon={<ArrowRightFromLine />}
          blocked={rerun.blocked}
          busy={rerun.busy}
          onClick={rerun.start}
        >
          {brief ? rerun.label : 'Rerun'}
        </Button>
        <Button blocked={rerun.blocked} onClick={() => setEditing(true)}>
          {brief ? 'Edit input' : 'Edit its input first'}
        </Button>
        {!brief && <PinOutput run={data.run} id={rerun.from} node={node} />}
      </div>
      {rerun.error && <Note tone="bad">{rerun.error.message}</Note>}
      {editing && <EditInput data={data} from={rerun.from} content={rerun.content} onClose={() => setEditing(false)} />}
    </section>
  );
}

/** Opens the node in the builder, with its output pinned. */
function PinOutput({ run, id, node }: { run: RunData['run']; id: string; node: NodeTrace }) {
  const [, navigate] = useLocation();
  const blocked = useBlocked()('author', run.workflow_id);
  const unfit = node.status === 'succeeded' ? null : 'Only the output of a node that succeeded can be pinned.';
  const place = `/workflows/${run.workflow_id}?pins=${run.id}&node=${encodeURIComponent(id)}`;
  return (
    <span className={style.end}>
      <Button look="quiet" icon={<Pin />} blocked={blocked ?? unfit} onClick={() => navigate(place)}>
        Pin output
      </Button>
    </span>
  );
}
