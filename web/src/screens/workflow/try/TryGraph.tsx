import type { NodeRun, Outline } from '../../../graph/types';
import { WorkflowGraph } from '../../../graph/WorkflowGraph';
import { formatDuration } from '../../../ui/format';
import { idOf, type NodeProgress, type Progress } from './progress';
import style from './Try.module.css';

/** The workflow as a graph whose nodes light up as the run reaches them. */
export function TryGraph({
  outline,
  progress,
  selected,
  onSelect,
}: {
  outline: Outline;
  progress: Progress | null;
  selected: string | null;
  onSelect: (id: string | null) => void;
}) {
  return (
    <section className={style.graph} aria-label="Graph">
      <WorkflowGraph
        readOnly
        outline={outline}
        selected={selected}
        onSelect={onSelect}
        states={progress ? nodeRuns(progress) : undefined}
      />
    </section>
  );
}

function nodeRuns(progress: Progress): Record<string, NodeRun> {
  const byId: Record<string, NodeProgress[]> = {};
  for (const node of progress.nodes.values()) {
    const id = idOf(node.path);
    byId[id] = [...(byId[id] ?? []), node];
  }
  return Object.fromEntries(Object.entries(byId).map(([id, runs]) => [id, together(runs)]));
}

/** A node that ran in several iterations is live while one is, and failed if one did. */
function together(runs: NodeProgress[]): NodeRun {
  const states = runs.map((run) => run.state);
  const loudest = (['running', 'failed', 'waiting', 'succeeded'] as const).find((state) => states.includes(state));
  const total = runs.reduce((sum, run) => sum + (run.durationMs ?? 0), 0);
  return { state: loudest ?? states[0] ?? 'pending', badge: total ? formatDuration(total) : undefined };
}
