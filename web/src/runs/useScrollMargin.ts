import { type RefObject, useLayoutEffect, useState } from 'react';

/**
 * How far below the top of what scrolls an element begins. Measured when the page around it changes its size, not at each
 * render: to measure is to lay out.
 */
export function useScrollMargin(scroller: () => HTMLElement | null, element: RefObject<HTMLElement | null>): number {
  const [margin, setMargin] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the element may come with a later render
  useLayoutEffect(() => {
    const around = element.current?.parentElement;
    if (!around) return;
    const measure = () => {
      const [outer, inner] = [scroller(), element.current];
      if (!outer || !inner) return;
      setMargin(inner.getBoundingClientRect().top - outer.getBoundingClientRect().top + outer.scrollTop);
    };
    const watch = new ResizeObserver(measure);
    watch.observe(around);
    // What stands above may grow without the element around it: its neighbours are watched as well.
    for (const near of around.parentElement?.children ?? []) watch.observe(near);
    return () => watch.disconnect();
  }, [element.current]);
  return margin;
}
