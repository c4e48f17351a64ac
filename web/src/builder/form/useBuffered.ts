import { useEffect, useRef, useState } from 'react';

const PAUSE_MS = 250;
const FLUSH = 'flowgate:flush';

/** Passes on what is being typed anywhere, before the document is saved, run or taken back. */
export const flushTyped = () => document.dispatchEvent(new Event(FLUSH));

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
  useEffect(() => {
    const now = () => flush.current();
    document.addEventListener(FLUSH, now);
    return () => {
      document.removeEventListener(FLUSH, now);
      now();
    };
  }, []);
  return { shown: typed ?? value, type: setTyped, flush: () => flush.current() };
}
