import { useEffect, useState } from 'react';

/** The whole seconds until a time, counted down; 0 once it has passed. */
export function useSecondsUntil(time: number | null): number {
  const left = () => (time === null ? 0 : Math.max(0, Math.ceil((time - Date.now()) / 1_000)));
  const [, draw] = useState(0);
  const waits = left() > 0;
  useEffect(() => {
    if (!waits) return;
    const timer = setInterval(() => draw((count) => count + 1), 250);
    return () => clearInterval(timer);
  }, [waits]);
  return left();
}
