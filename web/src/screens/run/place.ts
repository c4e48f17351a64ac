/** What of a run is shown: kept in the URL, so that a link leads to the same place. */
import { useCallback } from 'react';
import { useSearchParams } from 'wouter';
import { withParams } from '../../app/params';

export type Tab = 'timeline' | 'graph' | 'io' | 'events' | 'deliveries' | 'compare';
export type PanelTab = 'data' | 'events' | 'configuration';
type Name = 'tab' | 'node' | 'call' | 'attempt' | 'panel' | 'with';

export function usePlace() {
  const [params, setParams] = useSearchParams();
  const go = useCallback(
    (changes: Partial<Record<Name, string | null>>) => setParams((now) => withParams(now, changes), { replace: true }),
    [setParams],
  );
  return {
    tab: (params.get('tab') ?? 'timeline') as Tab,
    node: params.get('node'),
    call: params.get('call'),
    attempt: Number(params.get('attempt')) || null,
    panel: (params.get('panel') ?? 'data') as PanelTab,
    other: params.get('with'),
    go,
  };
}
export type Place = ReturnType<typeof usePlace>;
