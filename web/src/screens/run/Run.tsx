import { type RefObject, useCallback, useRef, useState } from 'react';
import { useParams } from 'wouter';
import type { NodeTrace } from '../../api/runs';
import { usePageActions } from '../../app/actions';
import { Failure } from '../../app/Failure';
import type { Badge } from '../../runs/graphStates';
import { failedPath } from '../../runs/traceTree';
import { Skeleton } from '../../ui/Empty';
import { shortId } from '../../ui/format';
import { Note } from '../../ui/Note';
import { Segment } from '../../ui/Segment';
import { TabPanel, Tabs } from '../../ui/Tabs';
import { useNarrow } from '../../ui/useNarrow';
import { Compare } from './Compare';
import { DeliveriesCard } from './DeliveriesCard';
import { EventLog } from './EventLog';
import { FailureNote } from './FailureNote';
import { GraphTab } from './GraphTab';
import { InputOutput } from './InputOutput';
import { Legend } from './Legend';
import { NodePanel } from './NodePanel';
import { NodeSheet } from './NodeSheet';
import { type Place, type Tab, usePlace } from './place';
import { useRerunOf } from './Rerun';
import style from './Run.module.css';
import { RunFigures } from './RunFigures';
import { RunQuestions } from './RunQuestions';
import { Timeline } from './Timeline';
import { TopBar } from './TopBar';
import { type RunData, useRunData } from './useRunData';

/** One run: what it did, when, and with what. */
export default function RunScreen() {
  const { id = '' } = useParams<{ id: string }>();
  return <OneRun key={id} id={id} />;
}

function OneRun({ id }: { id: string }) {
  const { data, error, retry } = useRunData(id);
  const place = usePlace();
  const narrow = useNarrow();
  const selected = place.node ?? (data && failedPath(data.nodes, data.run.error?.node));
  const rerun = useRerunOf(data, selected);
  useNodesInPalette(data?.nodes ?? [], place);
  if (error) return <Failure error={error} what="this run" onRetry={retry} />;
  if (!data) return <Skeleton />;
  const node = data.nodes.find(({ node }) => node === selected);
  const panel = node && { data, node, place, rerun };
  return (
    <div className={style.run}>
      <title>{`${shortId(id)} · ${data.run.workflow_name} · Flowgate`}</title>
      <TopBar data={data} place={place} rerun={rerun} />
      <Content data={data} place={place} selected={selected} />
      {panel &&
        (narrow ? (
          onNodes(place.tab) && <NodeSheet {...panel} />
        ) : (
          <aside className={style.aside}>
            <NodePanel {...panel} />
          </aside>
        ))}
    </div>
  );
}

/** A loop may have thousands. */
const MOST_IN_PALETTE = 100;

function useNodesInPalette(nodes: NodeTrace[], { go }: Place) {
  usePageActions(
    nodes
      .filter(({ node }) => node !== 'api' && node !== 'output')
      .slice(0, MOST_IN_PALETTE)
      .map(({ node }) => ({
        id: `node ${node}`,
        label: node,
        hint: 'node of this run',
        kind: 'node',
        run: () => go({ node, call: null, attempt: null }),
      })),
  );
}

/** The tabs that show nodes; on a phone only these have room for the selected one. */
const onNodes = (tab: Tab) => tab === 'timeline' || tab === 'graph';

const LABELS: Record<Tab, string> = {
  timeline: 'Timeline',
  graph: 'Graph',
  io: 'Input and output',
  events: 'Events',
  deliveries: 'Deliveries',
  compare: 'Compare',
};

type ContentProps = { data: RunData; place: Place; selected: string | null };

function Content({ data, place, selected }: ContentProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const [badge, setBadge] = useState<Badge>('duration');
  const { tab, go } = place;
  const shown: Tab[] = ['timeline', 'graph', ...(narrow ? (['events', 'deliveries'] as const) : []), 'io'];
  if (tab === 'compare') shown.push('compare');
  const isGraph = tab === 'graph';
  return (
    <div ref={scroller} className={style.column}>
      {(narrow ? tab === 'timeline' : !isGraph) && <Summary data={data} narrow={narrow} />}
      <div className={style.tabs}>
        <Tabs<Tab>
          label="About the run"
          selected={tab}
          onSelect={(tab) => go({ tab: tab === 'timeline' ? null : tab })}
          tabs={shown.map((id) => ({ id, label: LABELS[id] }))}
          aside={
            isGraph && !narrow ? (
              <BadgeChoice value={badge} onChange={setBadge} />
            ) : (
              tab === 'timeline' && !narrow && <Legend />
            )
          }
        />
      </div>
      <TabPanel id={tab} className={style.panel}>
        <Selected data={data} place={place} selected={selected} scroller={scroller} badge={badge} />
      </TabPanel>
      {tab === 'timeline' && !narrow && (
        <div className={style.cards}>
          <EventLog events={data.events} height={190} />
          <DeliveriesCard run={data.run} />
        </div>
      )}
    </div>
  );
}

const Summary = ({ data, narrow }: { data: RunData; narrow: boolean }) => (
  <div className={style.top}>
    {data.run.status === 'waiting' && <RunQuestions run={data.run} />}
    <FailureNote run={data.run} nodes={data.nodes} />
    <RunFigures data={data} part={narrow ? 'main' : undefined} />
    {data.traceBlocked && <Note tone="warn">What its nodes sent and gave cannot be read: {data.traceBlocked}</Note>}
  </div>
);

const BadgeChoice = ({ value, onChange }: { value: Badge; onChange: (badge: Badge) => void }) => (
  <span className={style.badges}>
    <span aria-hidden>Badges</span>
    <Segment
      label="Badges"
      value={value}
      onChange={onChange}
      options={[
        { value: 'duration', label: 'Duration' },
        { value: 'cost', label: 'Cost' },
        { value: 'tokens', label: 'Tokens' },
      ]}
    />
  </span>
);

type SelectedProps = ContentProps & { scroller: RefObject<HTMLDivElement | null>; badge: Badge };

function Selected({ data, place, selected, scroller, badge }: SelectedProps) {
  const { tab, go, node, call } = place;
  const select = useCallback(
    (path: string | null, call?: string) => go({ node: path, call: call ?? null, attempt: null }),
    [go],
  );
  const selectRow = useCallback(
    (row: { id: string; path: string }) =>
      select(row.path, row.id.startsWith(`${row.path}#`) ? row.id.slice(row.path.length + 1) : undefined),
    [select],
  );
  const rowId = call && node ? `${node}#${call}` : selected;
  // A failed node is red; only one that the user chose shows what it reads of others.
  if (tab === 'graph') return <GraphTab data={data} selected={node} onSelect={select} badge={badge} />;
  if (tab === 'io') return <InputOutput data={data} />;
  if (tab === 'events') return <EventLog events={data.events} height={560} />;
  if (tab === 'deliveries') return <DeliveriesCard run={data.run} />;
  if (tab === 'compare') return <Compare data={data} place={place} />;
  return <Timeline data={data} selected={rowId} onSelect={selectRow} scroller={scroller} />;
}
