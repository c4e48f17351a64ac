import type { ReactNode } from 'react';
import { Skeleton } from '../ui/Empty';
import { Failure } from './Failure';

type Query<Data> = { data: Data | undefined; error: Error | null; refetch: () => unknown };

type Props<Data> = {
  of: Query<Data>;
  /** What is loaded, in words. */
  what: string;
  /** How many rows of a table stand in its place until it is there. Without: lines of text. */
  rows?: number;
  children: (data: Data) => ReactNode;
};

/** Shows what a query read; until then a skeleton, or why it could not be read. Old data stays while it is read again. */
export function Loaded<Data>({ of: { data, error, refetch }, what, rows, children }: Props<Data>) {
  if (data !== undefined) return children(data);
  if (error) return <Failure error={error} what={what} onRetry={refetch} />;
  return rows ? <Skeleton rows={rows} as="table" /> : <Skeleton />;
}

/** Two queries as one, which has data once both have. */
export const both = <A, B>(a: Query<A>, b: Query<B>): Query<[A, B]> => ({
  data: a.data !== undefined && b.data !== undefined ? [a.data, b.data] : undefined,
  error: a.error ?? b.error,
  refetch: () => [a.refetch(), b.refetch()],
});
