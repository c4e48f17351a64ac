import { queryOptions } from '@tanstack/react-query';
import { api, body, type Schemas } from './client';

export type StatsItem = Schemas['StatsItem'];
export type StatsStep = Schemas['StatsStep'];
export type StatsBy = Schemas['StatsBy'];
export type StatsQuery = { from: string; to?: string; step?: StatsStep; by?: StatsBy; workflow?: string };

/** Sums over runs that have ended. */
export const statsOf = (query: StatsQuery) =>
  queryOptions({
    queryKey: ['stats', query],
    queryFn: () => body(api.GET('/v1/stats', { params: { query } })),
    staleTime: 30_000,
    refetchInterval: 60_000,
  });
