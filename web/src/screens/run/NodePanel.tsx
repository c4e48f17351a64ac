import type { NodeTrace } from '../../api/runs';
import { adviceFor } from '../../runs/advice';
import type { Line } from '../../runs/eventLog';
import { idOf } from '../../runs/traceTree';
import { callLabel, stateOf } from '../../runs/waterfall';
import { CodeBlock } from '../../ui/CodeBlock';
import { Coded } from '../../ui/Coded';
import { classes } from '../../ui/classes';
import { Empty } from '../../ui/Empty';
import { formatBytes, formatDuration } from '../../ui/format';
import { JsonTree } from '../../ui/JsonTree';
import { KindTile } from '../../ui/KindTile';
import { Note } from '../../ui/Note';
import { StateIcon, Status } from '../../ui/Status';
import { TabPanel, Tabs } from '../../ui/Tabs';
import { EventLines } from './EventLog';
import style from './NodePanel.module.css';
import type { PanelTab, Place } from './place';
import { type Rerun, RerunBox } from './Rerun';
import type { RunData } from './useRunData';

type Props = { data: RunData; node: NodeTrace; place: Place; rerun: Rerun };

/** What is known of one node: what it sent, what came back, what it is. */
export function NodePanel({ data, node, place, rerun }: Props) {
  const lines = data.events.lines.filter((line) => line.node === node.node);
  const planned = data.document?.outline?.nodes.find(({ id }) => id === idOf(node.node));
  return (
    <section className={style.panel} aria-label={`Node ${node.node}`}>
      <header className={style.head}>
        <KindTile kind={node.kind} />
        <div className={style.title}>
          <h2 className="mono">{node.node === 'api' ? 'input' : node.node}</h2>
          <p>
            {node.kind}
            {planned?.touches && ` · ${planned.touches}`}
          </p>
        </div>
        <Status state={stateOf(node)} soft />
      </header>
      <Attempts data={data} node={node} place={place} />
      <Tabs<PanelTab>
        label="About the node"
        selected={place.panel}
        onSelect={(panel) => place.go({ panel: panel === 'data' ? null : panel })}
        tabs={[
          { id: 'data', label: 'Data' },
          { id: 'events', label: 'Events', count: lines.length },
          { id: 'configuration', label: 'Configuration' },
        ]}
      />
      <TabPanel id={place.panel} className={style.body}>
        {place.panel === 'data' && <Data data={data} node={node} />}
        {place.panel === 'events' && <NodeEvents lines={lines} />}
        {place.panel === 'configuration' && <Configuration data={data} node={node} />}
      </TabPanel>
      <RerunBox data={data} node={node} rerun={rerun} />
    </section>
  );
}

/** The attempts of a call of the node, each with how it went; which is shown is in the URL. */
function Attempts({ data, node, place }: { data: RunData; node: NodeTrace; place: Place }) {
  const call = node.calls.find(({ call }) => (call ?? '') === (place.call ?? '')) ?? node.calls[0];
  if (!call) return null;
  const shown = call.attempts.find(({ attempt }) => attempt === place.attempt) ?? call.attempts.at(-1);
  const start = new Date(data.run.created_at).getTime();
  const took =
    shown?.started_at && shown.ended_at
      ? new Date(shown.ended_at).getTime() - new Date(shown.started_at).getTime()
      : null;
  return (
    <div className={style.attempts}>
      <span>{node.calls.length > 1 ? callLabel(node, call.call) : 'Attempt'}</span>
      <div className={style.segment}>
        {call.attempts.map((attempt) => (
          <button
            key={attempt.attempt}
            type="button"
            aria-pressed={attempt === shown}
            className={classes(attempt === shown && style.pressed)}
            onClick={() => place.go({ attempt: String(attempt.attempt) })}
          >
            {attempt.attempt}
            <StateIcon state={attempt.status ?? 'running'} label={attempt.status ?? 'running'} size={12} />
          </button>
        ))}
      </div>
      <span className={style.when}>
        {shown?.code && `${shown.http_status ?? shown.code} `}
        {shown?.started_at && `at ${formatDuration(new Date(shown.started_at).getTime() - start)}`}
        {took !== null && ` · ${formatDuration(took)}`}
      </span>
    </div>
  );
}

function Data({ data, node }: { data: RunData; node: NodeTrace }) {
  const streamed = data.events.live.text.get(node.node);
  if (node.status === 'skipped')
    return <Empty title="This node did not run">A branch before it went another way, or the run ended first.</Empty>;
  return (
    <>
      {node.error && (
        <Note tone="bad">
          {!isSaid(data, node.error) && (
            <p>
              <b>{node.error.code}</b> {node.error.message}
            </p>
          )}
          <p>
            <Coded text={adviceFor(node.error.code)} />
          </p>
        </Note>
      )}
      {node.input !== null && node.input !== undefined && (
        <Value title="Sent" note="secrets as names" value={node.input} />
      )}
      {node.output !== null && node.output !== undefined && (
        <Value title="Came back" value={node.output} status={statusOf(node.output)} />
      )}
      {(node.output === null || node.output === undefined) && streamed && (
        <div>
          <h3>{node.status === null ? 'Text so far' : 'Text'}</h3>
          <p className={style.stream}>{streamed}</p>
        </div>
      )}
      {!data.over && node.status !== null && (
        <p className={style.quiet}>What it sent and what came back can be read when the run has ended.</p>
      )}
    </>
  );
}

/** Whether the page says above what went wrong. */
const isSaid = ({ run }: RunData, error: NonNullable<NodeTrace['error']>) => run.error?.message === error.message;

/** The status of an answer over HTTP. */
const statusOf = (output: unknown) => {
  const { status } = output as { status?: unknown };
  return typeof status === 'number' ? status : undefined;
};

type ValueProps = { title: string; note?: string; value: unknown; status?: number | undefined };

function Value({ title, note, value, status }: ValueProps) {
  const omitted = (value as { omitted_bytes?: number } | null)?.omitted_bytes;
  const size = omitted ?? new TextEncoder().encode(JSON.stringify(value)).length;
  return (
    <div>
      <h3 className={style.valueHead}>
        {title}
        <span>{[formatBytes(size), note].filter(Boolean).join(', ')}</span>
        {status !== undefined && (
          <Status state={status >= 200 && status < 400 ? 'succeeded' : 'failed'} word={String(status)} />
        )}
      </h3>
      {omitted ? (
        <p className={style.quiet}>Values over 64 KiB are not shown.</p>
      ) : (
        <JsonTree value={value} label={title} />
      )}
    </div>
  );
}

const NodeEvents = ({ lines }: { lines: Line[] }) =>
  lines.length ? (
    <EventLines lines={lines} hits={[]} at={null} height={420} follow={false} />
  ) : (
    <Empty title="No events">A run that ended while its caller waited has none.</Empty>
  );

/** The node's own lines of the document that the run is of. */
function Configuration({ data, node }: { data: RunData; node: NodeTrace }) {
  const planned = data.document?.outline?.nodes.find(({ id }) => id === idOf(node.node));
  if (!data.document)
    return (
      <Empty title="The document is not known">
        This server does not keep what a run was of, or the key lacks the scope trace.
      </Empty>
    );
  if (!planned)
    return (
      <Empty title="It has no lines of its own">
        It is the input or the output, or of another workflow that ran inside.
      </Empty>
    );
  const code = data.document.text
    .split('\n')
    .slice(planned.line - 1, planned.last_line)
    .join('\n');
  return (
    <>
      <p className={style.quiet}>
        Lines {planned.line} to {planned.last_line} of version {data.run.version}
      </p>
      <CodeBlock code={code} label="configuration" />
    </>
  );
}
