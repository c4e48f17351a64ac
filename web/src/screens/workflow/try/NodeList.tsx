import type { OutlineNode } from '../../../graph/types';
import { formatCost, formatCount, formatDuration } from '../../../ui/format';
import { StateIcon } from '../../../ui/Status';
import { idOf, type NodeProgress, type Progress } from './progress';
import style from './Try.module.css';

/** A run may have thousands of node executions. The last ones are shown, the run's own page has all. */
const SHOWN = 200;

/** The nodes in the order in which they began, then those that the run has not reached. */
export function NodeList({
  progress,
  startedAt,
  outline,
  onSelect,
}: {
  progress: Progress;
  startedAt: number;
  outline: OutlineNode[];
  onSelect?: (id: string) => void;
}) {
  const begun = [...progress.nodes.values()];
  const reached = new Set(begun.map((node) => idOf(node.path)));
  const pending = progress.run ? [] : outline.filter((node) => !reached.has(node.id));
  const first = Math.max(0, begun.length - SHOWN);
  return (
    <section className={style.nodes} aria-label="Nodes">
      <h3>
        Nodes <span>{begun.length}</span>
      </h3>
      {first > 0 && <p className={style.empty}>{formatCount(first)} earlier ones are on the run’s page.</p>}
      <ol>
        {begun.slice(first).map((node) => (
          <li key={node.path}>
            <span className={style.at}>
              {node.startedAt > 0 && formatDuration(Math.max(0, node.startedAt - startedAt))}
            </span>
            <StateIcon state={node.state} label={node.state} />
            <button type="button" className={style.node} onClick={() => onSelect?.(idOf(node.path))}>
              <code title={node.path}>{nameOf(node.path)}</code>
            </button>
            <span className={style.what}>{whatOf(node)}</span>
          </li>
        ))}
        {pending.map((node) => (
          <li key={node.id} className={style.pending}>
            <span className={style.at} />
            <StateIcon state="pending" label="pending" />
            <code>{node.id}</code>
            <span className={style.what}>{node.touches}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

const nameOf = (path: string) => (path === 'api' ? 'input' : path);

function whatOf(node: NodeProgress): string {
  if (node.error) return `${node.error.code}: ${node.error.message}`;
  const parts: string[] = [];
  if (node.durationMs !== null) parts.push(formatDuration(node.durationMs));
  if (node.attempt > 1) parts.push(`attempt ${node.attempt}`);
  if (node.tokens) parts.push(`${formatCount(node.tokens)} tokens`);
  if (node.cost) parts.push(formatCost(node.cost));
  if (node.chunks && node.state === 'running') parts.push(`${formatCount(node.chunks)} chunks`);
  return parts.join(' · ');
}
