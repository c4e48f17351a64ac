import type { NodeTrace } from '../../../api/runs';
import type { OutlineNode } from '../../../graph/types';
import { formatCost, formatCount, formatDuration } from '../../../ui/format';
import { StateIcon } from '../../../ui/Status';
import { idOf, type Progress, shortPath } from './progress';
import style from './Try.module.css';

/** A run may have thousands of node executions. The last ones are shown, the run's own page has all. */
const SHOWN = 200;

type Props = {
  progress: Progress;
  startedAt: number;
  outline: OutlineNode[];
  onSelect?: (id: string) => void;
};

/** The nodes in the order in which they began, then those that the run has not reached. */
export function NodeList({ progress, startedAt, outline, onSelect }: Props) {
  const begun = progress.nodes();
  const reached = new Set(begun.map((node) => idOf(node.node)));
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
          <li key={node.node}>
            <span className={style.at}>
              {node.started_at && formatDuration(Math.max(0, Date.parse(node.started_at) - startedAt))}
            </span>
            <StateIcon state={progress.stateOf(node)} label={progress.stateOf(node)} />
            <button type="button" className={style.node} onClick={() => onSelect?.(idOf(node.node))}>
              <code title={node.node}>{nameOf(node.node)}</code>
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

const nameOf = (path: string) => (path === 'api' ? 'input' : shortPath(path));

function whatOf(node: NodeTrace): string {
  if (node.error) return `${node.error.code}: ${node.error.message}`;
  const parts: string[] = [];
  if (node.duration_ms !== null) parts.push(formatDuration(node.duration_ms));
  if (node.attempts > 1) parts.push(`attempt ${node.attempts}`);
  if (node.tokens) parts.push(`${formatCount(node.tokens)} tokens`);
  if (node.cost_nano_usd) parts.push(formatCost(node.cost_nano_usd));
  return parts.join(' · ');
}
