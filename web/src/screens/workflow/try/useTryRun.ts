import { useQueryClient } from '@tanstack/react-query';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { ApiError, api, body } from '../../../api/client';
import type { NodeTrace } from '../../../api/runs';
import { announce } from '../../../app/announce';
import { Progress, type Run } from './progress';
import { type Attempt, newKey, runIdOf, runToEnd } from './start';

export type TryRun = {
  /** Null before the first start. `useProgress` paints with it. */
  progress: Progress | null;
  startedAt: number;
  /** Until the run has ended, or was refused. */
  busy: boolean;
  cancelling: boolean;
  error: ApiError | null;
  start: (attempt: Omit<Attempt, 'idempotencyKey'>) => void;
  cancel: () => void;
};

type Current = { attempt: Attempt; progress: Progress; startedAt: number; stop: AbortController };

const begun = (given: Omit<Attempt, 'idempotencyKey'>): Current => ({
  attempt: { ...given, idempotencyKey: newKey() },
  progress: new Progress(),
  startedAt: Date.now(),
  stop: new AbortController(),
});

/** Runs one run at a time. Whoever leaves the page leaves the run going on: only `cancel` ends it. */
export function useTryRun(mayTrace: boolean): TryRun {
  const queries = useQueryClient();
  const [shown, setShown] = useState<Current | null>(null);
  const current = useRef<Current | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const { cancelling, setCancelling, cancel } = useCancel(current, setError);
  useEffect(() => () => current.current?.stop.abort(), []);

  const start: TryRun['start'] = async (given) => {
    current.current?.stop.abort();
    const mine = begun(given);
    const { attempt, progress, stop } = mine;
    current.current = mine;
    setShown(mine);
    setBusy(true);
    setCancelling(false);
    setError(null);
    try {
      await runToEnd(attempt, progress, stop.signal, progress.changed);
      await complete(progress, mayTrace);
      if (stop.signal.aborted) return;
      progress.changed();
      announce(`The run has ${progress.run?.status ?? 'ended'}.`);
    } catch (failure) {
      if (stop.signal.aborted) return;
      setError(failure instanceof ApiError ? failure : new ApiError(0, 'unknown', String(failure)));
    } finally {
      if (current.current === mine) setBusy(false);
      queries.invalidateQueries({ queryKey: ['runs'] });
    }
  };
  return {
    progress: shown?.progress ?? null,
    startedAt: shown?.startedAt ?? 0,
    busy,
    cancelling,
    error,
    start,
    cancel,
  };
}

function useCancel(current: RefObject<Current | null>, onError: (error: ApiError) => void) {
  const [cancelling, setCancelling] = useState(false);
  const cancel = async () => {
    const mine = current.current;
    if (!mine) return;
    setCancelling(true);
    try {
      const id = mine.progress.runId ?? (await runIdOf(mine.attempt));
      if (id) await body(api.POST('/v1/runs/{run_id}/cancel', { params: { path: { run_id: id } } }));
    } catch (failure) {
      // A run that has ended meanwhile shows its end by itself.
      if (failure instanceof ApiError && failure.status !== 409) onError(failure);
    } finally {
      setCancelling(false);
    }
  };
  return { cancelling, setCancelling, cancel };
}

/** What events leave out: a large output, and tokens and costs by node. */
async function complete(progress: Progress, mayTrace: boolean) {
  const { run } = progress;
  if (!run) return;
  const params = { params: { path: { run_id: run.id } } };
  if ('omitted' in run) {
    const whole = await body(api.GET('/v1/runs/{run_id}', params)).catch(() => null);
    if (whole) progress.run = whole as Run;
  }
  if (!mayTrace) return;
  const trace = await body(api.GET('/v1/runs/{run_id}/trace', params)).catch(() => null);
  if (trace) progress.applyTrace(trace.nodes as NodeTrace[]);
}
