import { Lock } from 'lucide-react';
import { useCallback, useMemo, useState } from 'react';
import { WorkflowGraph } from '../../graph/WorkflowGraph';
import { type Badge, graphStates, pathFor, type Shown } from '../../runs/graphStates';
import { idOf } from '../../runs/traceTree';
import { Empty } from '../../ui/Empty';
import style from './GraphTab.module.css';
import type { RunData } from './useRunData';

type Props = { data: RunData; selected: string | null; onSelect: (path: string | null) => void; badge: Badge };

/** The document as it was when the run started, with what the run did to each node. */
export function GraphTab({ data, selected, onSelect, badge }: Props) {
  const { states, shown } = useStates(data, badge);
  const { nodes } = data;
  const outline = data.document?.outline;
  const select = useCallback(
    (id: string | null) => onSelect(id === null ? null : pathFor(nodes, id, shown)),
    [nodes, shown, onSelect],
  );
  if (!outline) {
    return (
      <Empty title="There is no graph of this run">
        {data.document
          ? 'Its document cannot be read.'
          : 'This server does not keep the document of a run, or the key lacks the scope trace.'}
      </Empty>
    );
  }
  return (
    <div className={style.box}>
      <WorkflowGraph
        className={style.graph}
        outline={outline}
        selected={selected === null ? null : idOf(selected)}
        onSelect={select}
        states={states}
        readOnly
      />
      <p className={style.frozen}>
        <Lock aria-hidden />
        <b>As it ran</b> version {data.run.version}
      </p>
    </div>
  );
}

/** What the run did to each node, with the iteration of each loop that is shown. */
function useStates({ nodes, over, document }: RunData, badge: Badge) {
  const [shown, setShown] = useState<Shown>({});
  const outline = document?.outline;
  const states = useMemo(() => {
    if (!outline) return {};
    const onShow = (id: string, iteration: number | null) => setShown((now) => ({ ...now, [id]: iteration }));
    return graphStates(nodes, outline, { badge, shown, over, onShow });
  }, [nodes, over, outline, badge, shown]);
  return { states, shown };
}
