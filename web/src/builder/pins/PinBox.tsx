import { Pin, Play, StepForward } from 'lucide-react';
import { useState } from 'react';
import type { OutlineNode } from '../../graph/types';
import { Button } from '../../ui/Button';
import { formatAgo, shortId } from '../../ui/format';
import { JsonTree } from '../../ui/JsonTree';
import { useBuilder } from '../context';
import RunDialog from '../RunDialog';
import style from './PinBox.module.css';
import { followers, part, without } from './pins';
import { useLastRun } from './useLastRun';

/** The output of an earlier run that stands for this node's, and runs of a part. */
export function PinBox({ node }: { node: OutlineNode }) {
  const { pins, state, store } = useBuilder();
  const last = useLastRun(store.id, node.id);
  const [runs, setRuns] = useState<'node' | 'from' | null>(null);
  if (node.parent !== null || !node.id) return null;
  const following = followers(state.outline?.edges ?? [], node.id);
  return (
    <section className={style.box} aria-label="Runs of this part">
      {node.id in pins.outputs && <Pinned id={node.id} />}
      <div className={style.actions}>
        <Button size="small" icon={<Play />} onClick={() => setRuns('node')}>
          Run this node
        </Button>
        <Button
          size="small"
          icon={<StepForward />}
          blocked={
            Object.keys(pins.outputs).length > 0
              ? null
              : 'Open a run in the builder first: its outputs stand in for the nodes above.'
          }
          onClick={() => setRuns('from')}
        >
          Run from here
        </Button>
        {last && <span className={style.last}>last {last}</span>}
      </div>
      {runs && (
        <RunDialog
          title={runs === 'node' ? `Run ${node.id}` : `Run from ${node.id}`}
          part={part(pins, node.id, following, runs)}
          onClose={() => setRuns(null)}
        />
      )}
    </section>
  );
}

function Pinned({ id }: { id: string }) {
  const { pins, setPins } = useBuilder();
  return (
    <>
      <header>
        <Pin aria-hidden />
        <b>Pinned output</b>
        {pins.run && (
          <span>
            from {shortId(pins.run.id)}, {formatAgo(pins.run.at)}
          </span>
        )}
        <button type="button" onClick={() => setPins(without(pins, id))}>
          Unpin
        </button>
      </header>
      <div className={style.value}>
        <JsonTree value={pins.outputs[id]} label={`pinned output of ${id}`} />
      </div>
    </>
  );
}
