import { queryOptions, useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { api, body, type Schemas } from '../api/client';
import { session } from '../api/session';

export type OwnKey = Schemas['OwnKey'];

export const useKey = () => useSyncExternalStore(session.subscribe, session.key);

export const ownKeyOf = (key: string | null) =>
  queryOptions({
    queryKey: ['own-key', key],
    queryFn: () => body(api.GET('/v1/keys/self')),
    enabled: key !== null,
    staleTime: 60_000,
  });

/** What the signed-in key is and may do. */
export const useOwnKey = () => useQuery(ownKeyOf(useKey()));

export type Scope = 'run' | 'read' | 'trace' | 'cancel' | 'author' | 'admin';

/**
 * Returns why the key may not do something, as a sentence for a person, or null if it may. Actions that it lacks are shown
 * disabled with this reason.
 */
export function useBlocked(): (scope: Scope, workflow?: string) => string | null {
  const own = useOwnKey().data;
  return (scope, workflow) => {
    if (!own) return null;
    const scopes: readonly string[] = own.scopes;
    const has = scopes.includes(scope) || scopes.includes('admin') || (scope === 'trace' && scopes.includes('author'));
    const knows = !workflow || own.workflows === '*' || own.workflows.includes(workflow);
    if (has && knows) return null;
    return `The key ${own.name} lacks ${has ? 'this workflow' : `the scope ${scope}`}. An admin can make one that has it.`;
  };
}

/** Whether the key may do something. False until its rights are known: nothing is asked for that would be refused. */
export function useMay(): (scope: Scope, workflow?: string) => boolean {
  const blocked = useBlocked();
  const known = useOwnKey().data !== undefined;
  return (scope, workflow) => known && blocked(scope, workflow) === null;
}
