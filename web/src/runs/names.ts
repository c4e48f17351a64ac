import { useQuery } from '@tanstack/react-query';
import { api, body } from '../api/client';
import type { Run } from '../api/runs';
import { useKnownWorkflows } from '../api/workflows';
import { useMay } from '../app/useSession';
import type { Filter } from './filters';

type Named = { id: string; name: string };

/** Keys by id, for admins. Everybody else sees ids. */
export function useKeyNames(): Named[] {
  const can = useMay();
  const keys = useQuery({
    queryKey: ['key-names'],
    queryFn: () => body(api.GET('/v1/keys', { params: { query: { limit: 100 } } })),
    enabled: can('admin'),
    staleTime: 60_000,
  });
  return keys.data?.items ?? [];
}

/** Versions of a workflow, newest first, for authors. */
export function useVersions(workflowId: string | undefined): string[] {
  const can = useMay();
  const versions = useQuery({
    queryKey: ['version-names', workflowId],
    queryFn: () =>
      body(
        api.GET('/v1/workflows/{workflow_id}/versions', {
          params: { path: { workflow_id: workflowId ?? '' }, query: { limit: 100 } },
        }),
      ),
    enabled: Boolean(workflowId) && can('author'),
    staleTime: 60_000,
  });
  return versions.data?.items.map(({ version }) => version) ?? [];
}

/** The name of what a filter has the id of, if it is known. */
export function useFilterNames(): (filter: Filter, value: string) => string | undefined {
  const named: Partial<Record<Filter, Named[]>> = { workflow: useKnownWorkflows(), key: useKeyNames() };
  return (filter, value) => nameIn(named[filter] ?? [], value);
}

/** The name of an id, if it is known. */
export const nameIn = (names: Named[], id: string) => names.find((item) => item.id === id)?.name;

/** Who started a run: a key by its name, `operator` or `schedule`; nothing where this key may not know. */
export function starter(run: Pick<Run, 'key' | 'mode'>, keyName: (id: string) => string): string {
  if (run.key === undefined) return '';
  return run.key === null ? (run.mode === 'schedule' ? 'schedule' : 'operator') : keyName(run.key);
}
