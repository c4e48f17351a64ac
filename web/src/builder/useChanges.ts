import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useMemo } from 'react';
import { readVersion } from '../api/documents';
import { useBuilder } from './context';
import type { Change } from './document/changes';
import { useTools } from './document/tools';

/** The text of a version; it never changes. */
export function useVersion(workflow: string, version: string | null) {
  return useQuery({
    queryKey: ['version', workflow, version],
    queryFn: () => readVersion(workflow, version ?? ''),
    enabled: version !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** What the draft changes of a version, by default of the active one. `changes` is null until that is known. */
export function useChanges(against?: string | null): {
  changes: Change[] | null;
  before: string | null;
  isMissing: boolean;
} {
  const { store, state } = useBuilder();
  const version = useVersion(store.id, against ?? state.activeVersion);
  const before = version.data?.document ?? null;
  const text = useDeferredValue(state.history.text);
  const tools = useTools();
  const changes = useMemo(
    () => (before === null || tools === null ? null : tools.changesOf(before, text)),
    [before, text, tools],
  );
  return { changes, before, isMissing: version.isError || (version.isSuccess && before === null) };
}
