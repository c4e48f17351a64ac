import { useEffect, useState } from 'react';
import { copy } from './copy';

const SHOWN_MS = 2_000;

/** Copies a text, and says what came of it: for a while that it is copied, until the next try that it is not. */
export function useCopy(): { state: 'copied' | 'refused' | null; copy: (text: string) => Promise<boolean> } {
  const [state, setState] = useState<'copied' | 'refused' | null>(null);
  useEffect(() => {
    if (state !== 'copied') return;
    const timer = setTimeout(() => setState(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  return {
    state,
    copy: async (text) => {
      const copied = await copy(text);
      setState(copied ? 'copied' : 'refused');
      return copied;
    },
  };
}
