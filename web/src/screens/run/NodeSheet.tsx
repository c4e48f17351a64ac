import { useState } from 'react';
import type { NodeTrace } from '../../api/runs';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { NodePanel } from './NodePanel';
import style from './NodeSheet.module.css';
import type { Place } from './place';
import { type Rerun, RerunBox } from './Rerun';
import type { RunData } from './useRunData';

/** The selected node on a phone: in short below the page, and whole as a sheet. */
export function NodeSheet({
  data,
  node,
  place,
  rerun,
}: {
  data: RunData;
  node: NodeTrace;
  place: Place;
  rerun: Rerun;
}) {
  const [open, setOpen] = useState(false);
  const last = node.calls[0]?.attempts.at(-1);
  const facts = [
    node.attempts > 1 && `attempt ${node.attempts} of ${node.attempts}`,
    last?.http_status && last.http_status >= 400 ? String(last.http_status) : node.error?.code,
  ].filter(Boolean);
  return (
    <div className={style.sheet}>
      <p className={style.head}>
        <b className="mono">{node.node === 'api' ? 'input' : node.node}</b>
        <span>{facts.join(' · ') || node.kind}</span>
        <Button size="small" look="quiet" onClick={() => setOpen(true)}>
          Data
        </Button>
      </p>
      <RerunBox data={data} node={node} rerun={rerun} brief />
      {open && (
        <Dialog title="Node" onClose={() => setOpen(false)}>
          <NodePanel data={data} node={node} place={place} rerun={rerun} />
        </Dialog>
      )}
    </div>
  );
}
