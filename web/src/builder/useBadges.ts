import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { startOf } from '../api/range';
import { statsOf } from '../api/stats';
import { durationsOf, failuresOf } from './badges';
import { useBuilder } from './context';
import { useFigures } from './useFigures';

export type Badges = { badges: Record<string, string>; words: string | null };

/**
 * What each node usually took in the last runs that succeeded, or how often it failed in 7 days; and what this is, in words.
 * The server's sums count no durations by node: those come from traces.
 */
export function useBadges(): Badges {
  const { store, state } = useBuilder();
  const from = useMemo(() => startOf('7d').toISOString(), []);
  const stats = useQuery(statsOf({ workflow: store.id, from, by: 'node', step: 'total' }));
  const runs = useFigures(store.id);
  const { outline } = state;
  return useMemo(() => {
    if (!outline) return { badges: {}, words: null };
    const durations = durationsOf(outline, runs ?? []);
    const badges = { ...durations, ...failuresOf(outline, stats.data?.items ?? []) };
    const words = runs?.length && Object.keys(durations).length ? wordsOf(runs.length) : null;
    return { badges, words };
  }, [outline, stats.data, runs]);
}

const wordsOf = (runs: number) => (runs === 1 ? 'Times of the last run' : `p50 of the last ${runs} runs`);
