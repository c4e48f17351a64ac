import { Play } from 'lucide-react';
import { type Ref, useEffect, useState } from 'react';
import { Link } from 'wouter';
import type { ApiError } from '../../../api/client';
import type { NodeTrace } from '../../../api/runs';
import type { OutlineNode } from '../../../graph/types';
import { adviceFor } from '../../../runs/advice';
import { Coded } from '../../../ui/Coded';
import { Empty } from '../../../ui/Empty';
import { type Figure, Figures } from '../../../ui/Figures';
import { formatCost, formatCount, formatDuration, shortId } from '../../../ui/format';
import { JsonTree } from '../../../ui/JsonTree';
import { KindTile } from '../../../ui/KindTile';
import { Note } from '../../../ui/Note';
import { type State, Status } from '../../../ui/Status';
import { adviceOfRefusal } from './advice';
import { NodeList } from './NodeList';
import type { Progress } from './progress';
import style from './Try.module.css';
import { useFollowedEnd, useProgress } from './useProgress';
import type { TryRun } from './useTryRun';

type Props = { ref: Ref<HTMLElement>; run: TryRun; outline: OutlineNode[]; onSelect?: (id: string) => void };

/** The right side: the run's state, what it says while it goes on, and what came out. */
export function RunPanel({ ref, run, outline, onSelect }: Props) {
  const { progress, error, busy } = run;
  useProgress(progress);
  const follow = useFollowedEnd<HTMLDivElement>(busy);
  if (!progress) {
    return (
      <section ref={ref} className={style.result} aria-label="Result">
        <Empty icon={<Play />} title="Nothing has run yet">
          Fill in the input and press Run. What the nodes do and say appears here as it happens.
        </Empty>
      </section>
    );
  }
  const state: State = progress.run?.status ?? (busy ? 'running' : 'failed');
  return (
    <section ref={ref} className={style.result} aria-label="Result">
      <header className={style.head}>
        {(!error || progress.run) && <Status state={state} soft />}
        {progress.runId && <code title={progress.runId}>{shortId(progress.runId)}</code>}
        {progress.runId && <Link href={`/runs/${progress.runId}`}>Open run</Link>}
      </header>
      <RunFigures run={run} progress={progress} />
      <div className={style.said} ref={follow}>
        {error && <Refusal error={error} />}
        {progress.run?.error && <Failure error={progress.run.error} />}
        {progress.nodes().map((node) => {
          const text = progress.texts().get(node.node);
          return (
            text && <Streamed key={node.node} node={node} text={text} live={progress.stateOf(node) === 'running'} />
          );
        })}
        {busy && !progress.nodes().length && <p className={style.empty}>Waiting for the answer …</p>}
        {progress.run && progress.run.output !== null && <JsonTree value={progress.run.output} label="Output" />}
      </div>
      <NodeList progress={progress} startedAt={firstStart(run, progress)} outline={outline} onSelect={onSelect} />
    </section>
  );
}

/** The server's clock is not this browser's: nodes are timed from the run's own start, or the first node's. */
function firstStart(run: TryRun, progress: Progress): number {
  if (progress.run?.started_at) return Date.parse(progress.run.started_at);
  const first = progress.nodes()[0]?.started_at;
  return first ? Date.parse(first) : run.startedAt;
}

function RunFigures({ run, progress }: { run: TryRun; progress: Progress }) {
  const now = useNow(run.busy);
  const elapsed = progress.run?.duration_ms ?? (run.busy ? now - run.startedAt : null);
  const figures: Figure[] = [
    { label: 'Elapsed', value: elapsed === null ? '–' : formatDuration(Math.max(0, elapsed)) },
    {
      label: 'First token',
      value: progress.firstChunkAt ? formatDuration(progress.firstChunkAt - run.startedAt) : '–',
    },
    { label: 'Tokens', value: formatCount(progress.tokens()) },
    { label: 'Cost', value: formatCost(progress.cost()) },
  ];
  return <Figures dense figures={figures} />;
}

/** The time, ten times a second while it matters. */
function useNow(running: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

/** While it grows, only the end of a long text is drawn: the whole would be laid out anew in each frame. */
const DRAWN = 6_000;

function Streamed({ node, text, live }: { node: NodeTrace; text: string; live: boolean }) {
  return (
    <article className={style.streamed}>
      <h3>
        <KindTile kind={node.kind} size={18} />
        <code>{node.node}</code>
        {node.attempts > 1 && <span>attempt {node.attempts}</span>}
      </h3>
      <p>
        {live && text.length > DRAWN ? `… ${text.slice(-DRAWN)}` : text}
        {live && <i className={style.caret} />}
      </p>
    </article>
  );
}

function Refusal({ error }: { error: ApiError }) {
  const named = error.problem.errors ?? [];
  return (
    <Note tone="bad">
      <b>{error.isOffline ? 'The server does not answer.' : `Not started: ${error.message}`}</b>{' '}
      {adviceOfRefusal(error)}
      {error.retryAfter !== null && ` In ${error.retryAfter} s it may succeed.`}
      {named.length > 1 && (
        <ul>
          {named.map((problem) => (
            <li key={problem.pointer + problem.message}>
              <code>{problem.pointer}</code> {problem.message}
            </li>
          ))}
        </ul>
      )}
    </Note>
  );
}

function Failure({ error }: { error: { code: string; message: string; node?: string } }) {
  return (
    <Note tone="bad">
      <b>
        {error.node ? (
          <>
            <code>{error.node}</code> failed: {error.code}
          </>
        ) : (
          `The run failed: ${error.code}`
        )}
      </b>
      <br />
      <Coded text={`${error.message}. ${adviceFor(error.code)}`} />
    </Note>
  );
}
