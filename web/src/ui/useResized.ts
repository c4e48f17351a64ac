import { type RefObject, useEffect, useRef } from 'react';

/** Acts when the element has another size, and once at first. */
export function useResized(element: RefObject<HTMLElement | null>, act: () => void) {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(() => latest.current());
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
}
