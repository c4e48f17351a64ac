import { useLayoutEffect, useRef, useSyncExternalStore } from 'react';
import type { Progress } from './progress';

const never = () => () => {};

/** Paints the component again when there is news of the run. */
export function useProgress(progress: Progress | null) {
  useSyncExternalStore(progress?.subscribe ?? never, () => progress?.version ?? 0);
}

/** Returns the value of before while the new one says the same, so that what depends on it is not drawn again. */
export function useUnchanged<T>(value: T): T {
  const kept = useRef({ value, text: '' });
  const text = JSON.stringify(value);
  if (kept.current.text !== text) kept.current = { value, text };
  return kept.current.value;
}

/** Keeps the end of what grows in view, until the user scrolls away from it. */
export function useFollowedEnd<Element extends HTMLElement>(grows: boolean) {
  const element = useRef<Element>(null);
  const bottom = useRef(0);
  useLayoutEffect(() => {
    const box = element.current;
    if (!box || !grows) return;
    // Where it was scrolled to at the last paint: further up means that the user did it.
    if (box.scrollTop >= bottom.current - 8) box.scrollTop = box.scrollHeight;
    bottom.current = box.scrollTop;
  });
  return element;
}
