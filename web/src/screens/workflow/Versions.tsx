import { useInfiniteQuery } from '@tanstack/react-query';
import { GitCompareArrows, PowerOff } from 'lucide-react';
import { useState } from 'react';
import { useSearchParams } from 'wouter';
import type { Schemas } from '../../api/client';
import { listVersions } from '../../api/workflow';
import { withParams } from '../../app/params';
import { useBlocked } from '../../app/useSession';
import { nameIn, useKeyNames } from '../../runs/names';
import { Button } from '../../ui/Button';
import { Empty, Skeleton } from '../../ui/Empty';
import { Note } from '../../ui/Note';
import { useDraft } from './useInterface';
import { Compare } from './versions/Compare';
import { RollBack, Unpublish, VersionDocument } from './versions/Confirmations';
import style from './versions/Versions.module.css';
import { type Listed, VersionTable } from './versions/VersionTable';

/** What was published: compare, roll back, take down. */
export default function Versions({ workflowId }: { workflowId: string }) {
  const [search, setSearch] = useSearchParams();
  const versions = useVersions(workflowId);
  const listed = versions.data?.pages.flatMap((page) => page.items) ?? [];
  const names = ['draft', ...listed.map((version) => version.version)];
  const set = (changes: Record<string, string | null>) => setSearch((before) => withParams(before, changes));
  const [a, b, open] = [search.get('a'), search.get('b'), search.get('open')];
  if (a && b) {
    return <Compare workflowId={workflowId} versions={names} a={a} b={b} onChoose={(a, b) => set({ a, b })} />;
  }
  if (versions.isPending) return <Skeleton />;
  if (versions.error && !listed.length) {
    return (
      <div className={style.page}>
        <Note tone="bad">The versions cannot be listed: {versions.error.message}</Note>
      </div>
    );
  }
  if (!listed.length) {
    return (
      <Empty title="Nothing was published yet">Publish the draft: each time it is, a version is added here.</Empty>
    );
  }
  return (
    <>
      <List
        workflowId={workflowId}
        listed={listed}
        onCompare={(a, b) => set({ a, b })}
        onOpen={(open) => set({ open })}
        more={versions.hasNextPage ? () => versions.fetchNextPage() : null}
      />
      {open && <VersionDocument workflowId={workflowId} version={open} onClose={() => set({ open: null })} />}
    </>
  );
}

type ListProps = {
  workflowId: string;
  listed: Listed[];
  onCompare: (a: string, b: string) => void;
  onOpen: (version: string) => void;
  more: (() => void) | null;
};

function List({ workflowId, listed, onCompare, onOpen, more }: ListProps) {
  const [chosen, setChosen] = useState<string[]>([]);
  const [asked, setAsked] = useState<{ rollBackTo: string } | 'unpublish' | null>(null);
  const active = listed.find((version) => version.active)?.version ?? null;
  const blocked = useBlocked()('author', workflowId);
  const keys = useKeyNames();
  return (
    <div className={style.page}>
      <Bar
        workflowId={workflowId}
        active={active}
        chosen={inOrder(chosen, listed)}
        onCompare={onCompare}
        onUnpublish={() => setAsked('unpublish')}
      />
      <VersionTable
        listed={listed}
        active={active}
        chosen={chosen}
        onChosen={setChosen}
        nameOfKey={(id) => nameIn(keys, id) ?? id}
        blocked={blocked}
        onOpen={onOpen}
        onCompare={onCompare}
        onRollBack={(rollBackTo) => setAsked({ rollBackTo })}
      />
      {more && <Button onClick={more}>Older versions</Button>}
      {asked === 'unpublish' && <Unpublish workflowId={workflowId} onClose={() => setAsked(null)} />}
      {asked && asked !== 'unpublish' && (
        <RollBack workflowId={workflowId} version={asked.rollBackTo} active={active} onClose={() => setAsked(null)} />
      )}
    </div>
  );
}

type BarProps = {
  workflowId: string;
  active: string | null;
  chosen: string[];
  onCompare: ListProps['onCompare'];
  onUnpublish: () => void;
};

/** What callers get, and what can be done about it. */
function Bar({ workflowId, active, chosen: [newer, older], onCompare, onUnpublish }: BarProps) {
  const draft = useDraft(workflowId).data;
  const blocked = useBlocked()('author', workflowId);
  return (
    <div className={style.bar}>
      <p className={style.grow}>
        {active ? `Callers get ${active}.` : 'Nothing is active: callers get 409 not_published.'}
      </p>
      {draft && active && (
        <Button icon={<GitCompareArrows />} onClick={() => onCompare(active, 'draft')}>
          Draft against {active}
        </Button>
      )}
      <Button
        icon={<GitCompareArrows />}
        blocked={newer && older ? null : 'Choose two versions in the list.'}
        onClick={() => newer && older && onCompare(older, newer)}
      >
        Compare chosen
      </Button>
      <Button
        look="danger"
        icon={<PowerOff />}
        blocked={blocked ?? (active ? null : 'Nothing is active.')}
        onClick={onUnpublish}
      >
        Unpublish
      </Button>
    </div>
  );
}

/** The chosen ones, newest first. */
const inOrder = (chosen: string[], listed: Listed[]) =>
  listed.map((version) => version.version).filter((version) => chosen.includes(version));

function useVersions(workflowId: string) {
  return useInfiniteQuery({
    queryKey: ['versions', workflowId],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => listVersions(workflowId, { limit: 50, cursor: pageParam }),
    getNextPageParam: (page: Schemas['VersionList']) => page.next_cursor ?? undefined,
  });
}
