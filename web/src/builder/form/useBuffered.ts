import { useEffect, useRef, useState } from 'react';

const PAUSE_MS = 250;

/**
 * Text that is being typed: shown at once, and passed on after a pause or when the field is left. Each change writes the
 * whole document anew, which is too much for every key.
 */
export function useBuffered(value: string, commit: (value: string) => void) {
  const [typed, setTyped] = useState<string | null>(null);
  const latest = useRef({ typed, commit });
  latest.current = { typed, commit };
  const flush = useRef(() => {
    const { typed, commit } = latest.current;
    if (typed !== null) commit(typed);
    latest.current.typed = null;
    setTyped(null);
  });
  useEffect(() => {
    if (typed === null) return;
    const timer = setTimeout(() => flush.current(), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => () => flush.current(), []);
  return { shown: typed ?? value, type: setTyped, flush: () => flush.current() };
}
