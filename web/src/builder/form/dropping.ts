import { type RefObject, useEffect, useRef } from 'react';

const DROP = 'flowgate:drop';

/** Marks what takes a node's output that is dropped on it. */
export const TAKES_OUTPUTS = { 'data-takes-outputs': true };

/** Gives a node that was dragged onto an element to the field there. Returns whether there is one. */
export function dropNode(element: Element | null, node: string): boolean {
  const field = element?.closest('[data-takes-outputs]');
  return field?.dispatchEvent(new CustomEvent(DROP, { detail: node, cancelable: true })) === false;
}

/** `take` gets the id of a node that is dropped on the element, and says whether the field refers to it now. */
export function useDroppedNode(element: RefObject<HTMLElement | null>, take: (node: string) => boolean) {
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const field = element.current;
    const dropped = (event: Event) => {
      if (event instanceof CustomEvent && latest.current(event.detail)) event.preventDefault();
    };
    field?.addEventListener(DROP, dropped);
    return () => field?.removeEventListener(DROP, dropped);
  }, [element]);
}
