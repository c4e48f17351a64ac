import { useSyncExternalStore } from 'react';

const query = matchMedia('(width < 720px)');

function subscribe(listener: () => void) {
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}

/** On a phone the graph is read-only and the panel is a sheet. */
export const useNarrow = () => useSyncExternalStore(subscribe, () => query.matches);
