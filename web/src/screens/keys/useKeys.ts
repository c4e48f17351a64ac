import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, body, type Schemas } from '../../api/client';
import type { Key } from './keyState';

export type IssuedKey = Schemas['IssuedKey'];

const PAGES = 10;

/** All keys, 1,000 at most: the newest first. */
export const useKeys = () => useQuery({ queryKey: ['keys'], queryFn: readAllKeys });

export async function readAllKeys(): Promise<Key[]> {
  const all: Key[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await body(api.GET('/v1/keys', { params: { query: { limit: 100, cursor } } }));
    all.push(...answer.items);
    if (!answer.next_cursor) break;
    cursor = answer.next_cursor;
  }
  return all.sort((a, b) => b.created_at.localeCompare(a.created_at));
}

/** One key, with what was spent of its budget. */
export const useKeyDetails = (id: string, every: number | false = false) =>
  useQuery({
    queryKey: ['keys', id],
    queryFn: () => body(api.GET('/v1/keys/{key_id}', { params: { path: { key_id: id } } })),
    refetchInterval: every,
  });

/** A mutation after which the list of keys is read again. */
export function useKeyMutation<Input, Output>(
  run: (input: Input) => Promise<Output>,
  onDone: (output: Output) => void,
) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSuccess: (output) => {
      queries.invalidateQueries({ queryKey: ['keys'] });
      onDone(output);
    },
  });
}

export const createKey = (key: Schemas['NewKey']): Promise<IssuedKey> => body(api.POST('/v1/keys', { body: key }));

export const rotateKey = ({ id, overlap }: { id: string; overlap: number }): Promise<IssuedKey> =>
  body(api.POST('/v1/keys/{key_id}/rotate', { params: { path: { key_id: id } }, body: { overlap_seconds: overlap } }));

export const renameKey = ({ id, name }: { id: string; name: string }): Promise<Key> =>
  body(api.PATCH('/v1/keys/{key_id}', { params: { path: { key_id: id } }, body: { name } }));

export const revokeKey = (id: string) => api.DELETE('/v1/keys/{key_id}', { params: { path: { key_id: id } } });
