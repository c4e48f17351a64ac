import { memo } from 'react';
import type { NodeTrace } from '../../../api/runs';
import type { NodeRun, Outline } from '../../../graph/types';
import { WorkflowGraph } from '../../../graph/WorkflowGraph';
import { formatDuration } from '../../../ui/format';
import { idOf, isBelow, type Progress } from './progress';
import style from './Try.module.css';
import { useProgress, useUnchanged } from './useProgress';

/** Drawn only when a node changed: text that streams changes none. */
const Graph = memo(WorkflowGraph);

type Props = {
  outline: Outline;
  progress: Progress | null;
  selected: string | null;
  onSelect: (id: string | null) => void;
};

/** The workflow as a graph whose nodes light up as the run reaches them. */
export function TryGraph({ outline, progress, selected, onSelect }: Props) {
  useProgress(progress);
  const states = useUnchanged(progress ? nodeRuns(progress) : undefined);
  return (
    <section className={style.graph} aria-label="Graph">
      <Graph readOnly outline={outline} selected={selected} onSelect={onSelect} states={states} />
    </section>
  );
}

function nodeRuns(progress: Progress): Record<string, NodeRun> {
  const byId = new Map<string, NodeTrace[]>();
  for (const node of progress.nodes()) {
    if (isBelow(node.node)) continue;
    const id = idOf(node.node);
    byId.set(id, [...(byId.get(id) ?? []), node]);
  }
  return Object.fromEntries([...byId].map(([id, nodes]) => [id, together(progress, nodes)]));
}

/** A node that ran in several iterations is live while one is, and failed if one did. */
function together(progress: Progress, nodes: NodeTrace[]): NodeRun {
  const states = nodes.map((node) => progress.stateOf(node));
  const loudest = (['running', 'failed', 'waiting', 'succeeded'] as const).find((state) => states.includes(state));
  const total = nodes.reduce((sum, node) => sum + (node.duration_ms ?? 0), 0);
  return { state: loudest ?? states[0] ?? 'pending', badge: total ? formatDuration(total) : undefined };
}
