import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { listRuns, type Run, type RunPage, type RunQuery } from '../api/runs';
import { type Filters, toQuery } from './filters';

const PAGE = 100;
const POLL_MS = 3_000;
/** Pages may have nothing though further ones do: the list goes on by itself over this many, then asks. */
const EMPTY_PAGES = 5;

export type RunList = ReturnType<typeof useRuns>;

/** The runs that match, page by page. In live mode the first page is read again and again; what is new waits in `fresh`. */
export function useRuns(filters: Filters, workflowId: string | undefined, live: boolean) {
  const query = { ...toQuery(filters), limit: PAGE };
  const key = ['runs', workflowId ?? '', query];
  const pages = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => listRuns({ ...query, cursor: pageParam }, workflowId, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: RunPage) => page.next_cursor ?? undefined,
    placeholderData: (before) => before,
  });
  const runs = useMemo(() => unique(pages.data?.pages.flatMap((page) => page.items) ?? []), [pages.data]);
  const fresh = useFresh(key, query, { workflowId, live: live && pages.isSuccess, runs });
  useGoOn(pages, runs.length);
  return { ...pages, runs, ...fresh, searchedTo: pages.data?.pages.at(-1)?.searched_to };
}

/** A run that begins while pages are read moves the others down; each is listed once. */
function unique(runs: Run[]): Run[] {
  return [...new Map(runs.map((run) => [run.id, run])).values()];
}

type Fresh = { workflowId: string | undefined; live: boolean; runs: Run[] };

/** Runs that came since the list was read; `show` puts them on top. Runs of the list that changed are replaced in place. */
function useFresh(key: unknown[], query: RunQuery, { workflowId, live, runs }: Fresh) {
  const client = useQueryClient();
  const [shown, setShown] = useState<ReadonlySet<string>>(new Set());
  const poll = useQuery({
    queryKey: ['live', ...key],
    queryFn: ({ signal }) => listRuns(query, workflowId, signal),
    refetchInterval: POLL_MS,
    enabled: live,
  });
  const known = useMemo(() => new Set(runs.map((run) => run.id)), [runs]);
  const fresh = live ? (poll.data?.items.filter((run) => !known.has(run.id)) ?? []) : [];
  const latest = poll.data?.items;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is a new list at each render
  useEffect(() => {
    if (latest) client.setQueryData<InfiniteData<RunPage>>(key, (data) => replaced(data, latest));
  }, [latest, client]);
  const show = () => {
    setShown(new Set(fresh.map((run) => run.id)));
    client.setQueryData<InfiniteData<RunPage>>(key, (data) => prepended(data, fresh));
  };
  return { fresh, show, marked: shown };
}

function replaced(data: InfiniteData<RunPage> | undefined, latest: Run[]) {
  if (!data) return data;
  const now = new Map(latest.map((run) => [run.id, run]));
  const changed = (run: Run) => {
    const other = now.get(run.id);
    return other && other.status !== run.status ? other : run;
  };
  return { ...data, pages: data.pages.map((page) => ({ ...page, items: page.items.map(changed) })) };
}

function prepended(data: InfiniteData<RunPage> | undefined, fresh: Run[]) {
  const [first, ...rest] = data?.pages ?? [];
  return data && first ? { ...data, pages: [{ ...first, items: [...fresh, ...first.items] }, ...rest] } : data;
}

type Pages = {
  hasNextPage: boolean;
  isFetching: boolean;
  isError: boolean;
  data: InfiniteData<RunPage> | undefined;
  fetchNextPage: () => unknown;
};

function useGoOn(pages: Pages, found: number) {
  const looked = pages.data?.pages.length ?? 0;
  const isFree = pages.hasNextPage && !pages.isFetching && !pages.isError;
  const goOn = found === 0 && isFree && looked < EMPTY_PAGES;
  const { fetchNextPage } = pages;
  useEffect(() => {
    if (goOn) fetchNextPage();
  }, [goOn, fetchNextPage]);
}
