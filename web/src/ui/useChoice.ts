import { useState } from 'react';

/** Which of the choices below a text field is active. The arrows of the field move it, round and round. */
export function useChoice<Choice>(choices: Choice[]) {
  const [wanted, setAt] = useState(0);
  const at = Math.min(wanted, choices.length - 1);
  /** Returns whether the key was an arrow that moved it. */
  const step = (key: string): boolean => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (!by || choices.length === 0) return false;
    setAt((at + by + choices.length) % choices.length);
    return true;
  };
  return { at, active: choices[at], point: setAt, step };
}

/** The `ref` of the active choice, which the list scrolls to. */
export const intoView = (element: HTMLElement | null) => element?.scrollIntoView({ block: 'nearest' });
