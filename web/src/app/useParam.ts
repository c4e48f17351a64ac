import { useCallback } from 'react';
import { useSearchParams } from 'wouter';
import { withParams } from './params';

/** A value in the page's URL. At its default it is left out; a change replaces the entry of the history. */
export function useParam(name: string, byDefault = ''): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string) =>
      setParams((before) => withParams(before, { [name]: value === byDefault ? null : value }), { replace: true }),
    [name, byDefault, setParams],
  );
  return [params.get(name) ?? byDefault, set];
}
