import { useQuery } from '@tanstack/react-query';
import { ApiError } from '../api/client';
import { countGivenUpDeliveries, countLiveRuns, countQuestions } from '../api/coming-w0';
import { useWorkflows } from '../api/workflows';
import { useCan } from './useSession';

/** What stands beside the places: each by the place's path; nothing where the server or the key has no such number. */
export function useCounts(): Record<string, string | undefined> {
  const can = useCan();
  const reads = can('read');
  const workflows = useWorkflows({ enabled: can('author') });
  const live = useCount('live', countLiveRuns, 15_000, reads);
  const givenUp = useCount('given-up', countGivenUpDeliveries, 60_000, reads);
  const questions = useCount('questions', countQuestions, 30_000, reads);
  return {
    '/workflows': workflows.data?.length ? String(workflows.data.length) : undefined,
    '/runs': live && `${live} live`,
    '/approvals': questions,
    '/deliveries': givenUp && `${givenUp} given up`,
  };
}

function useCount(name: string, read: () => Promise<string>, every: number, enabled: boolean): string | undefined {
  const { data } = useQuery({
    queryKey: ['count', name],
    queryFn: read,
    enabled,
    retry: false,
    staleTime: every,
    refetchInterval: (query) => (isHopeless(query.state.error) ? false : every),
  });
  return data === '0' ? undefined : data;
}

/** A server without the route, or a key without the right, answers the same again. */
const isHopeless = (error: unknown) =>
  error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
