import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import { ApiError, api, body } from '../../api/client';
import { readKinds } from '../../api/documents';
import { withParams } from '../../app/params';
import { useBlocked } from '../../app/useSession';
import { type Builder, BuilderContext, type PanelTab, useDraftState } from '../../builder/context';
import type { DraftStore } from '../../builder/draft/store';
import { type Pins, pinsOf, readPins, writePins } from '../../builder/pins/pins';

/** What the parts of the builder share. The selection and the open panel are in the URL. */
export function BuilderProvider({ store, children }: { store: DraftStore; children: ReactNode }) {
  const state = useDraftState(store);
  const blocked = useBlocked();
  const [pins, setPins] = usePins(store.id);
  const place = usePlace();
  const kinds = useQuery({
    queryKey: ['kinds'],
    queryFn: readKinds,
    staleTime: Number.POSITIVE_INFINITY,
    retry: (failures, error) => failures < 3 && !(error instanceof ApiError && error.status > 0),
  });
  const locked =
    blocked('author', store.id) ?? (state.isReadable ? null : 'The text cannot be read. Fix it in the document first.');
  const builder: Builder = {
    store,
    state,
    kinds: kinds.isError ? null : kinds.data,
    locked,
    pins,
    setPins,
    ...place,
  };
  return <BuilderContext value={builder}>{children}</BuilderContext>;
}

const PANELS: PanelTab[] = ['node', 'document', 'changes', 'problems', 'import'];

function usePlace() {
  const [params, setParams] = useSearchParams();
  const selected = params.get('node');
  const wanted = params.get('panel');
  const panel = PANELS.find((name) => name === wanted) ?? (selected !== null && wanted !== 'none' ? 'node' : null);
  const change = (values: Record<string, string | null>) =>
    setParams((before) => withParams(before, values), { replace: true });
  return {
    selected,
    panel,
    // Selecting leaves an open document open: both show the node. Anything else gives way to the node.
    select: (id: string | null) => change({ node: id, panel: panel === 'document' || id === null ? wanted : null }),
    open: (next: PanelTab | null) => change({ panel: next ?? 'none' }),
  };
}

/** Pins of this tab; `?pins=run_…` takes them from a run. */
function usePins(workflow: string): [Pins, (pins: Pins) => void] {
  const [pins, setPins] = useState(() => readPins(workflow));
  const [params, setParams] = useSearchParams();
  const run = params.get('pins');
  const trace = useQuery({
    queryKey: ['trace', run],
    queryFn: () => body(api.GET('/v1/runs/{run_id}/trace', { params: { path: { run_id: run ?? '' } } })),
    enabled: run !== null,
  });
  const found = useMemo(() => (trace.data ? pinsOf(trace.data.nodes) : null), [trace.data]);
  useEffect(() => {
    if (!found || run === null) return;
    const next = { run: { id: run, at: new Date().toISOString() }, outputs: found };
    writePins(workflow, next);
    setPins(next);
    setParams((before) => withParams(before, { pins: null }), { replace: true });
  }, [found, run, workflow, setParams]);
  const change = (next: Pins) => {
    writePins(workflow, next);
    setPins(next);
  };
  return [pins, change];
}
