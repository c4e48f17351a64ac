import { useSyncExternalStore } from 'react';

const narrow = typeof matchMedia === 'undefined' ? null : matchMedia('(width < 720px)');

function subscribe(listener: () => void) {
  narrow?.addEventListener('change', listener);
  return () => narrow?.removeEventListener('change', listener);
}

/** Whether the page is as narrow as a phone's. */
export const useNarrow = () => useSyncExternalStore(subscribe, () => narrow?.matches ?? false);
