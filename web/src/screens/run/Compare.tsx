import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import { listRuns, type NodeTrace, type Run, readRun, readTrace } from '../../api/runs';
import { both, Loaded } from '../../app/Loaded';
import { type Difference, type Pair, pairNodes } from '../../runs/compare';
import { stateOf } from '../../runs/waterfall';
import { Button } from '../../ui/Button';
import { Chip } from '../../ui/Chip';
import { Empty, Skeleton } from '../../ui/Empty';
import { Checkbox, Field, Input } from '../../ui/Field';
import { formatCost, formatCount, formatDateTime, formatDuration, shortId } from '../../ui/format';
import { JsonTree } from '../../ui/JsonTree';
import { KindTile } from '../../ui/KindTile';
import { Status } from '../../ui/Status';
import style from './Compare.module.css';
import type { Place } from './place';
import type { RunData } from './useRunData';

/** This run beside another: status, duration and output of each node. */
export function Compare({ data, place }: { data: RunData; place: Place }) {
  if (!place.other) return <Choose run={data.run} onChoose={(id) => place.go({ with: id })} />;
  return <SideBySide data={data} otherId={place.other} onLeave={() => place.go({ with: null })} />;
}

/** The runs of the workflow that it may be compared with, and a field for any other. */
function Choose({ run, onChoose }: { run: Run; onChoose: (id: string) => void }) {
  const recent = useQuery({
    queryKey: ['compare-with', run.workflow_id],
    queryFn: ({ signal }) => listRuns({ limit: 20 }, run.workflow_id, signal),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget).get('id') ?? '').trim();
    if (id) onChoose(id);
  };
  const others = (recent.data?.items ?? []).filter(({ id, ended_at }) => id !== run.id && ended_at !== null);
  const origin = others.find(({ id }) => id === run.origin);
  const listed = origin ? [origin, ...others.filter((other) => other !== origin)] : others;
  return (
    <div className={style.choose}>
      <h2>Compare with which run?</h2>
      <form onSubmit={submit} className={style.form}>
        <Field label="Id of a run">
          {(ids) => <Input {...ids} name="id" mono placeholder="run_…" defaultValue={run.origin} />}
        </Field>
        <Button type="submit">Compare</Button>
      </form>
      {recent.isLoading && <Skeleton />}
      <ul>
        {listed.map((other) => (
          <Candidate key={other.id} run={other} isOrigin={other.id === run.origin} onChoose={onChoose} />
        ))}
      </ul>
      {recent.isSuccess && !others.length && <Empty title="The workflow has no other run that ended" />}
    </div>
  );
}

type CandidateProps = { run: Run; isOrigin: boolean; onChoose: (id: string) => void };

const Candidate = ({ run, isOrigin, onChoose }: CandidateProps) => (
  <li>
    <button type="button" className={style.candidate} onClick={() => onChoose(run.id)}>
      <Status state={run.status} />
      <code>{shortId(run.id)}</code>
      <Chip look="outline">{run.version}</Chip>
      <span>{formatDateTime(run.created_at)}</span>
      <span>{run.duration_ms === null ? '' : formatDuration(run.duration_ms)}</span>
      {isOrigin && <span>the run that this one repeats</span>}
    </button>
  </li>
);

function SideBySide({ data, otherId, onLeave }: { data: RunData; otherId: string; onLeave: () => void }) {
  const run = useQuery({ queryKey: ['run', otherId], queryFn: ({ signal }) => readRun(otherId, signal) });
  const trace = useQuery({ queryKey: ['trace', otherId], queryFn: ({ signal }) => readTrace(otherId, signal) });
  return (
    <Loaded of={both(run, trace)} what={`the run ${otherId}`}>
      {([other, { nodes }]) => (
        <Pairs run={data.run} other={other} pairs={pairNodes(data.nodes, nodes)} onLeave={onLeave} />
      )}
    </Loaded>
  );
}

type PairsProps = { run: Run; other: Run; pairs: Pair[]; onLeave: () => void };

function Pairs({ run, other, pairs, onLeave }: PairsProps) {
  const [all, setAll] = useState(false);
  const different = pairs.filter(({ difference }) => difference !== 'none');
  return (
    <div className={style.compare}>
      <header className={style.head}>
        <p>
          <b>{different.length}</b> of {pairs.length} nodes differ
        </p>
        <Checkbox label="Show the others too" checked={all} onChange={(event) => setAll(event.target.checked)} />
        <Button size="small" onClick={onLeave}>
          Another run
        </Button>
      </header>
      <table className={style.table} aria-label="Two runs, node by node">
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">
              <RunHead run={run} label="This run" />
            </th>
            <th scope="col">
              <RunHead run={other} label="The other" />
            </th>
          </tr>
        </thead>
        <tbody>
          {(all ? pairs : different).map((pair) => (
            <PairRow key={pair.node} pair={pair} />
          ))}
        </tbody>
      </table>
      {!all && !different.length && (
        <Empty title="No node differs">Status and output of every node are the same.</Empty>
      )}
    </div>
  );
}

const RunHead = ({ run, label }: { run: Run; label: string }) => (
  <div className={style.runHead}>
    <span>{label}</span>
    <Link href={`/runs/${run.id}`} className="mono">
      {shortId(run.id)}
    </Link>
    <Status state={run.status} />
    <span>
      {run.version} · {run.duration_ms === null ? 'not over' : formatDuration(run.duration_ms)} ·{' '}
      {formatCount(run.usage.tokens)} tokens · {formatCost(run.usage.cost_nano_usd)}
    </span>
  </div>
);

const WORDS: Record<Difference, string> = {
  none: 'same',
  status: 'status',
  output: 'output',
  'only-left': 'only here',
  'only-right': 'only there',
};

function PairRow({ pair }: { pair: Pair }) {
  const [open, setOpen] = useState(false);
  return (
    <tr className={style.pair}>
      <th scope="row">
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <KindTile kind={pair.kind} size={20} />
          <span className="mono">{pair.node === 'api' ? 'input' : pair.node}</span>
          <Chip>{WORDS[pair.difference]}</Chip>
        </button>
      </th>
      <Side node={pair.left} open={open} other={pair.right} />
      <Side node={pair.right} open={open} other={pair.left} />
    </tr>
  );
}

function Side({ node, other, open }: { node: NodeTrace | null; other: NodeTrace | null; open: boolean }) {
  if (!node) return <td className={style.none}>did not run</td>;
  const slower = node.duration_ms !== null && other?.duration_ms ? node.duration_ms - other.duration_ms : null;
  return (
    <td>
      <div className={style.facts}>
        <Status state={stateOf(node)} />
        <span>
          {node.duration_ms === null ? '' : formatDuration(node.duration_ms)}
          {slower !== null && Math.abs(slower) > 20 && (
            <i> {slower > 0 ? `+${formatDuration(slower)}` : `−${formatDuration(-slower)}`}</i>
          )}
        </span>
        {node.error && <code>{node.error.code}</code>}
      </div>
      {open && <JsonTree value={node.output ?? null} label={`Output of ${node.node}`} />}
    </td>
  );
}
