import { useQuery } from '@tanstack/react-query';
import { useParams } from 'wouter';
import { ApiError } from '../../api/client';
import { readDraft } from '../../api/documents';
import { useDraftState } from '../../builder/context';
import type { DraftStore } from '../../builder/draft/store';
import { Button } from '../../ui/Button';
import { Empty, Skeleton } from '../../ui/Empty';
import { lazily } from '../../ui/lazily';
import { BuilderProvider } from './BuilderProvider';
import { TopBar } from './TopBar';
import { useDraftStore } from './useDraftStore';
import style from './Workflow.module.css';

const TABS = {
  api: lazily(() => import('./Api'), <Skeleton />),
  try: lazily(() => import('./Try'), <Skeleton />),
  runs: lazily(() => import('./WorkflowRuns'), <Skeleton />),
  versions: lazily(() => import('./Versions'), <Skeleton />),
};
const BuilderTab = lazily(() => import('../../builder/Builder'), <Skeleton />);

/** One workflow: its top bar, and the tab that is chosen. */
export default function Workflow() {
  const { id = '', tab } = useParams<{ id: string; tab?: string }>();
  const draft = useQuery({
    queryKey: ['workflow', id, 'draft'],
    queryFn: () => readDraft(id),
    // From here on the store has the text; another read would fight with what is being typed.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnReconnect: false,
  });
  const store = useDraftStore(id, draft.data);
  if (draft.error && !store) return <Unreadable error={draft.error} onRetry={() => void draft.refetch()} />;
  if (!store) return <Skeleton />;
  return <Opened key={id} store={store} name={draft.data?.name ?? id} tab={tab} />;
}

function Opened({ store, name, tab }: { store: DraftStore; name: string; tab: string | undefined }) {
  const { history } = useDraftState(store);
  const shown = history.text.match(/^name:\s*["']?(.*?)["']?\s*$/m)?.[1] || name;
  const Tab = tab && tab in TABS ? TABS[tab as keyof typeof TABS] : null;
  return (
    <BuilderProvider store={store}>
      <div className={style.workflow}>
        <title>{`${shown} · Flowgate`}</title>
        <TopBar name={shown} tab={tab ?? 'build'} />
        {Tab ? (
          <div className={style.tab}>
            <Tab workflowId={store.id} />
          </div>
        ) : (
          <BuilderTab />
        )}
      </div>
    </BuilderProvider>
  );
}

function Unreadable({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const isGone = error instanceof ApiError && error.status === 404;
  return (
    <Empty
      title={isGone ? 'There is no such workflow' : 'The workflow could not be read'}
      actions={!isGone && <Button onClick={onRetry}>Try again</Button>}
    >
      {isGone ? 'It was deleted, or the key does not reach it.' : error.message}
    </Empty>
  );
}
