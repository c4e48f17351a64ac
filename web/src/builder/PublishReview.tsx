import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX, TriangleAlert } from 'lucide-react';
import { useMemo, useState } from 'react';
import { api, body } from '../api/client';
import { startOf } from '../api/range';
import { type StatsItem, statsOf } from '../api/stats';
import { WorkflowGraph } from '../graph/WorkflowGraph';
import { Select } from '../ui/Field';
import { formatCost } from '../ui/format';
import { Segment } from '../ui/Segment';
import { useBuilder } from './context';
import { Diff } from './Diff';
import type { Change } from './document/changes';
import style from './PublishDialog.module.css';
import { ChangeButton } from './panel/ChangesPanel';
import { useChanges } from './useChanges';

type View = 'text' | 'graph';
const VIEWS: { value: View; label: string }[] = [
  { value: 'text', label: 'Text' },
  { value: 'graph', label: 'Graph' },
];

/** What a publication changes against the active version, or another one, as text or as a graph. */
export function Review() {
  const { state } = useBuilder();
  const [version, setVersion] = useState(state.activeVersion);
  const [view, setView] = useState<View>('text');
  const [chosen, setChosen] = useState<string | null>(null);
  const { changes, before } = useChanges(version);
  const change = changes?.find(({ key }) => key === chosen) ?? changes?.[0];
  return (
    <>
      <div className={style.views}>
        {version !== null && <VersionChoice value={version} onChange={setVersion} />}
        <Segment label="View" options={VIEWS} value={view} onChange={setView} />
      </div>
      <div className={style.review}>
        <div className={style.side}>
          <h3>What changes</h3>
          <ul>
            {changes?.map((one) => (
              <li key={one.key}>
                <ChangeButton change={one} isCurrent={one === change} onClick={() => setChosen(one.key)} />
              </li>
            ))}
          </ul>
          {version === null && <p>Everything is new.</p>}
          {changes?.length === 0 && <p>Nothing but layout or comments.</p>}
          <Checks changes={changes} />
        </div>
        {view === 'graph' ? (
          <ChangedGraph changes={changes ?? []} change={change} onChoose={setChosen} />
        ) : (
          <Diff before={before ?? ''} after={state.history.text} change={before === null ? undefined : change} />
        )}
      </div>
    </>
  );
}

function VersionChoice({ value, onChange }: { value: string; onChange: (version: string) => void }) {
  const { store, state } = useBuilder();
  const versions = useQuery({
    queryKey: ['workflow', store.id, 'versions to compare'],
    queryFn: async () => {
      const params = { path: { workflow_id: store.id }, query: { limit: 50 } };
      return (await body(api.GET('/v1/workflows/{workflow_id}/versions', { params }))).items.map((one) => one.version);
    },
  });
  const choices = versions.data?.includes(value) ? versions.data : [value, ...(versions.data ?? [])];
  return (
    <Select aria-label="Compare with" value={value} onChange={(event) => onChange(event.target.value)}>
      {choices.map((version) => (
        <option key={version} value={version}>
          compared with {version}
          {version === state.activeVersion && ', active'}
        </option>
      ))}
    </Select>
  );
}

type GraphProps = { changes: Change[]; change: Change | undefined; onChoose: (key: string) => void };

/** The draft as a graph; a node that is new or differs says so. */
function ChangedGraph({ changes, change, onChoose }: GraphProps) {
  const { state } = useBuilder();
  const badges = useMemo(
    () => Object.fromEntries(changes.map(({ name, how }) => [name, how === 'added' ? 'new' : how])),
    [changes],
  );
  if (!state.outline) return null;
  const choose = (id: string | null) => {
    const found = changes.find(({ name }) => name === id);
    if (found) onChoose(found.key);
  };
  return (
    <WorkflowGraph
      readOnly
      outline={state.outline}
      selected={change?.key.startsWith('node:') ? change.name : null}
      onSelect={choose}
      badges={badges}
    />
  );
}

/** What stands against publishing, or does not. */
function Checks({ changes }: { changes: Change[] | null }) {
  const { state } = useBuilder();
  const errors = state.problems.filter((problem) => problem.severity === 'error');
  const warnings = state.problems.filter((problem) => problem.severity === 'warning');
  const lost = lostOutputs(changes);
  return (
    <ul className={style.checks}>
      <li>
        {errors.length === 0 ? <CircleCheck className={style.ok} /> : <CircleX className={style.bad} />}
        <span>{errors.length === 0 ? 'No errors' : errors.map((problem) => problem.message).join('; ')}</span>
      </li>
      {warnings.map((problem) => (
        <li key={problem.path + problem.message}>
          <TriangleAlert className={style.warn} />
          <span>{problem.message}</span>
        </li>
      ))}
      {lost.length > 0 && (
        <li>
          <TriangleAlert className={style.warn} />
          <span>
            Callers lose the output <code>{lost.join(', ')}</code>
          </span>
        </li>
      )}
      <CostCheck />
    </ul>
  );
}

function lostOutputs(changes: Change[] | null): string[] {
  const output = changes?.find(({ key }) => key === 'section:output');
  const names = (value: unknown) => (typeof value === 'object' && value !== null ? Object.keys(value) : []);
  const kept = new Set(names(output?.after?.value));
  return names(output?.before?.value).filter((name) => !kept.has(name));
}

/** What a run of the draft cost in the last 7 days, beside one of the active version. */
function CostCheck() {
  const { store, state } = useBuilder();
  const from = useMemo(() => startOf('7d').toISOString(), []);
  const stats = useQuery(statsOf({ workflow: store.id, from, by: 'version', step: 'total' }));
  const cost = (name: string | null) => meanCost(stats.data?.items.find((item) => item.name === name));
  const [before, after] = [cost(state.activeVersion), cost('draft')];
  if (before === null || after === null) return null;
  const isMore = after > before * 1.1;
  return (
    <li>
      {isMore ? <TriangleAlert className={style.warn} /> : <CircleCheck className={style.ok} />}
      <span>
        {isMore ? `Costs about ${(after / before).toFixed(1)}× more` : 'Costs no more'}: {formatCost(before)} →{' '}
        {formatCost(after)} a run, from runs of the draft in the last 7 days
      </span>
    </li>
  );
}

/** Null where nothing ran, or nothing was paid for. */
function meanCost(item: StatsItem | undefined): number | null {
  if (!item?.cost_nano_usd) return null;
  const known = item.runs - item.cost_unknown_runs;
  return known > 0 ? item.cost_nano_usd / known : null;
}
