import { type RefObject, useState } from 'react';
import { useResized } from './useResized';

/** The width of an element, as it changes. */
export function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useResized(element, () => setWidth(element.current?.clientWidth ?? 0));
  return width;
}
