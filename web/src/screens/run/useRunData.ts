import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { ApiError, type Schemas } from '../../api/client';
import { type NodeTrace, type Run, readRun, readRunDocument, readTrace } from '../../api/runs';
import { announce } from '../../app/announce';
import { useBlocked, useMay } from '../../app/useSession';
import { mergeTrace } from '../../runs/liveTrace';
import { type RunEvents, useRunEvents } from './useRunEvents';

/** Everything the page knows of its run. */
export type RunData = {
  run: Run;
  over: boolean;
  nodes: NodeTrace[];
  /** Why there is no trace, if there is none. */
  traceBlocked: string | null;
  document: { text: string; outline: Schemas['RunDocument']['outline'] } | null;
  events: RunEvents;
};

const noRetryOnRefusal = (failures: number, error: Error) =>
  failures < 2 && !(error instanceof ApiError && error.status > 0);

/** Reads a run. While it runs, its events say what it does; the trace is read again only when it has ended or waits. */
export function useRunData(id: string) {
  const client = useQueryClient();
  const blocked = useBlocked();
  const can = useMay();
  const stored = useQuery({
    queryKey: ['run', id],
    queryFn: ({ signal }) => readRun(id, signal),
    // Events tell of the end, but not that a run waits; and some runs have none.
    refetchInterval: ({ state }) => (state.data && !state.data.ended_at ? 5_000 : false),
  });
  const noTrace = blocked('trace', stored.data?.workflow_id);
  const { trace, document } = useTraced(id, stored.isSuccess && can('trace', stored.data.workflow_id));
  const events = useRunEvents(id, stored.data?.created_at);
  const run = useMemo(() => merged(stored.data, events.live.ended), [stored.data, events.live.ended]);
  const nodes = useMemo(() => mergeTrace(trace.data?.nodes ?? [], events.live), [trace.data, events.live]);
  useEnd(run, () => {
    client.invalidateQueries({ queryKey: ['run', id] });
    client.invalidateQueries({ queryKey: ['trace', id] });
    client.invalidateQueries({ queryKey: ['run-deliveries', id] });
  });
  const data: RunData | null = run
    ? {
        run,
        over: run.ended_at !== null,
        nodes,
        traceBlocked: noTrace ?? (trace.isError ? trace.error.message : null),
        document: document.data ? { text: document.data.document, outline: document.data.outline } : null,
        events,
      }
    : null;
  return { data, error: stored.error, retry: () => stored.refetch(), traceLoading: trace.isLoading };
}

/** What only a key with the scope trace may read. */
function useTraced(id: string, enabled: boolean) {
  const trace = useQuery({
    queryKey: ['trace', id],
    queryFn: ({ signal }) => readTrace(id, signal),
    enabled,
    retry: noRetryOnRefusal,
  });
  const document = useQuery({
    queryKey: ['run-document', id],
    queryFn: ({ signal }) => readRunDocument(id, signal),
    enabled,
    staleTime: Number.POSITIVE_INFINITY,
    retry: noRetryOnRefusal,
  });
  return { trace, document };
}

/** The last event has the run as it ended, but for what is too large for an event. */
function merged(stored: Run | undefined, ended: Run | null): Run | undefined {
  if (!stored || !ended || stored.ended_at) return stored;
  return {
    ...stored,
    status: ended.status,
    error: ended.error,
    usage: ended.usage,
    ended_at: ended.ended_at,
    duration_ms: ended.duration_ms,
  };
}

/** Calls once when the run changes its state while the page is open, and says so. */
function useEnd(run: Run | undefined, onChange: () => void) {
  const status = run?.status;
  const seen = useMemo(() => ({ status: undefined as string | undefined }), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a change of the state counts
  useEffect(() => {
    if (status && seen.status && status !== seen.status) {
      announce(`The run is ${status}`);
      onChange();
    }
    seen.status = status;
  }, [status, seen]);
}
