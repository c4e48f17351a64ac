import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/** A value in the page's URL. At its default it is left out; a change replaces the entry of the history. */
export function useParam(name: string, byDefault = ''): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string) =>
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          if (value === byDefault) next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true },
      ),
    [name, byDefault, setParams],
  );
  return [params.get(name) ?? byDefault, set];
}
