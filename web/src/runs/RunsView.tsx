import { Pause, Play } from 'lucide-react';
import { type ComponentProps, type ReactNode, useCallback, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import { usePageActions } from '../app/actions';
import { Failure } from '../app/Failure';
import { withParams } from '../app/params';
import { useShortcut } from '../app/shortcuts';
import { Button } from '../ui/Button';
import { Empty, Skeleton } from '../ui/Empty';
import { formatDateTime } from '../ui/format';
import { Note } from '../ui/Note';
import { Page } from '../ui/Page';
import { Segment } from '../ui/Segment';
import { Status } from '../ui/Status';
import { Bulk } from './Bulk';
import { FilterBar } from './FilterBar';
import { type Changes, type Filters, readFilters, SPANS, withFilter } from './filters';
import { Histogram } from './Histogram';
import { JobProgress } from './JobProgress';
import { NoMatch } from './NoMatch';
import { nameIn, useKeyNames } from './names';
import { RunsTable } from './RunsTable';
import style from './RunsView.module.css';
import { chooseLoaded, extend, NOTHING, type Selection, toggle } from './selection';
import { type RunList, useRuns } from './useRuns';

/** The list of runs, of all workflows or of one; every filter is in the URL. */
export function RunsView({ workflowId }: { workflowId?: string }) {
  const { filters, change, span, live, job, set } = useAsked();
  const list = useRuns(filters, workflowId, live);
  const chosen = useSelection(list, filters);
  const keys = useKeyNames();
  const going = list.runs.filter(({ ended_at }) => ended_at === null).length;
  return (
    <Frame workflowId={workflowId} actions={<Actions span={span.value} live={live} onChange={set} />} going={going}>
      <div className={style.choice}>
        <FilterBar filters={filters} workflowId={workflowId} onChange={change} />
        <Histogram
          span={span}
          workflowId={workflowId ?? filters.workflow}
          from={filters.from}
          to={filters.to}
          onBrush={(range) => change(range ?? { from: null, to: null })}
        />
      </div>
      {job && <JobProgress id={job} onClose={() => set('job', null)} />}
      <FreshRuns list={list} />
      <RunsTable
        runs={list.runs}
        workflowId={workflowId}
        chosen={chosen.selection.ids}
        onChoose={chosen.choose}
        onChooseLoaded={chosen.chooseAllLoaded}
        marked={list.marked}
        keyName={(id) => nameIn(keys, id) ?? id}
        onEnd={() => !filters.q && mayReadOn(list) && list.fetchNextPage()}
      />
      <End list={list} filters={filters} workflowId={workflowId} onChange={change} />
      {chosen.selection.ids.size > 0 && (
        <Bulk
          list={list}
          filters={filters}
          workflowId={workflowId}
          selection={chosen.selection}
          onSelect={chosen.setSelection}
          onJob={(id) => set('job', id)}
        />
      )}
    </Frame>
  );
}

/** What the address asks for, and how to ask for something else. */
function useAsked() {
  const [params, setParams] = useSearchParams();
  const filters = useMemo(() => readFilters(params), [params]);
  return {
    filters,
    change: (changes: Changes) => setParams((now) => withFilter(now, changes)),
    span: SPANS.find(({ value }) => value === params.get('span')) ?? SPANS[0],
    live: params.get('live') === '1',
    job: params.get('job'),
    set: (name: string, value: string | null) =>
      setParams((now) => withParams(now, { [name]: value }), { replace: true }),
  };
}

type ActionsProps = { span: string; live: boolean; onChange: (name: string, value: string | null) => void };

function Actions({ span, live, onChange }: ActionsProps) {
  const follow = () => onChange('live', live ? null : '1');
  usePageActions([{ id: 'live', label: live ? 'Stop following runs' : 'Follow new runs', run: follow }]);
  return (
    <>
      <Segment label="Time shown" options={[...SPANS]} value={span} onChange={(value) => onChange('span', value)} />
      <Button
        aria-pressed={live}
        icon={live ? <Pause aria-hidden /> : <Play aria-hidden fill="currentColor" />}
        onClick={follow}
      >
        {live ? 'Pause' : 'Live'}
      </Button>
    </>
  );
}

/** A page that could not be read is read again when somebody asks for it. */
const mayReadOn = ({ hasNextPage, isFetching, isError }: RunList) => hasNextPage && !isFetching && !isError;

type FrameProps = { workflowId: string | undefined; actions: ReactNode; going: number; children: ReactNode };

function Frame({ workflowId, actions, going, children }: FrameProps) {
  const state = going > 0 && <Status state="running" word={`${going} live`} />;
  if (!workflowId) {
    return (
      <Page title="Runs" beside={state} actions={actions}>
        {children}
      </Page>
    );
  }
  return (
    <section className={style.view} aria-label="Runs">
      <div className={style.head}>
        {state || <span />}
        <div className={style.actions}>{actions}</div>
      </div>
      {children}
    </section>
  );
}

/** The chosen rows. Other filters list other runs: what is out of sight must not be cancelled or replayed. */
function useSelection(list: RunList, filters: Filters) {
  const [selection, setSelection] = useState<Selection>(NOTHING);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `filters` is a new object at each change of the address
  useEffect(() => setSelection(NOTHING), [JSON.stringify(filters)]);
  const order = useMemo(() => list.runs.map(({ id }) => id), [list.runs]);
  const choose = useCallback(
    (id: string, range: boolean) => setSelection((now) => (range ? extend(now, id, order) : toggle(now, id))),
    [order],
  );
  useShortcut('Escape', () => setSelection(NOTHING), { label: 'Choose none', off: selection.ids.size === 0 });
  const chooseAllLoaded = (chosen: boolean) => setSelection(chosen ? chooseLoaded(order) : NOTHING);
  return { selection, setSelection, choose, chooseAllLoaded };
}

function FreshRuns({ list }: { list: RunList }) {
  if (!list.fresh.length) return null;
  return (
    <button type="button" className={style.fresh} onClick={list.show}>
      {list.fresh.length === 1 ? '1 new run' : `${list.fresh.length} new runs`}
    </button>
  );
}

type EndProps = ComponentProps<typeof NoMatch> & { list: RunList };

function End({ list, ...choice }: EndProps) {
  const { filters } = choice;
  if (list.isError) return <Failure error={list.error} what="runs" onRetry={() => list.refetch()} />;
  if (list.isPending || list.isFetchingNextPage) return <Skeleton rows={list.runs.length ? 2 : 8} as="table" />;
  if (list.hasNextPage && (filters.q || !list.runs.length)) {
    return (
      <Note
        actions={
          <Button size="small" onClick={() => list.fetchNextPage()}>
            Look further back
          </Button>
        }
      >
        {list.runs.length ? 'Found so far' : 'Nothing found yet'}
        {list.searchedTo && `: looked back to ${formatDateTime(list.searchedTo)}`}.
      </Note>
    );
  }
  if (list.runs.length) return null;
  if (Object.keys(filters).length) return <NoMatch {...choice} />;
  return (
    <Empty title="There are no runs yet">
      Start one with <code>POST /v1/workflows/…/runs</code>, or with “Try it” of a workflow.
    </Empty>
  );
}
