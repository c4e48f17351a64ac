import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { startOf } from '../api/range';
import { statsOf } from '../api/stats';
import { withoutIterations } from '../runs/traceTree';
import { useBuilder } from './context';

/** How many runs of the last 7 days failed at each node. The server counts no durations by node. */
export function useBadges(): Record<string, string> {
  const { store } = useBuilder();
  const from = useMemo(() => startOf('7d').toISOString(), []);
  const stats = useQuery(statsOf({ workflow: store.id, from, by: 'node', step: 'total' }));
  return useMemo(() => {
    const failures = new Map<string, number>();
    for (const { name, failed } of stats.data?.items ?? []) {
      const node = withoutIterations(name ?? '')
        .split('/')
        .at(-1);
      if (node && failed > 0) failures.set(node, (failures.get(node) ?? 0) + failed);
    }
    return Object.fromEntries([...failures].map(([node, count]) => [node, `${count} failed`]));
  }, [stats.data]);
}
