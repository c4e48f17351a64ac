import {
  type ChangeEvent,
  type KeyboardEvent,
  type RefObject,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useChoice } from '../../ui/useChoice';
import { useSuggestions } from '../context';
import type { Suggestion } from '../suggestions';
import { beginning, completed, matching, withReference } from './completing';
import { useDroppedNode } from './dropping';
import { useBuffered } from './useBuffered';

export type CompletionProps = {
  value: string;
  onChange: (value: string) => void;
  disabled?: boolean;
  /** Whole values to choose from. */
  choices?: Suggestion[];
};

const NO_CHOICES: Suggestion[] = [];

/** The text of a field that offers references after `<`, or whole values, and takes a node that is dropped on it. */
export function useCompletion({ value, onChange, disabled, choices = NO_CHOICES }: CompletionProps) {
  const { shown: text, type, flush } = useBuffered(value, onChange);
  const area = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState<number | null>(null);
  const { begun, found } = useFound(text, caret, choices);
  const { at, active, point, step } = useChoice(found);
  const place = useCaret(area);
  const write = (next: { text: string; caret: number }) => {
    type(next.text);
    place(next.caret);
  };
  const box = useDroppedOutput(disabled ? null : (path) => write(withReference(text, caretOf(area, text), path)));
  const close = () => setCaret(null);
  const open = () => {
    if (choices.length > 0) setCaret(text.length);
    return choices.length > 0;
  };
  const insert = ({ path }: Suggestion) => {
    if (caret === null) return;
    close();
    if (begun) write(completed(text, begun, caret, path));
    else type(path);
  };
  /** Whether the key did something here. */
  const press = (key: string): boolean => {
    if (found.length === 0) return key === 'ArrowDown' && caret === null && open();
    if ((key === 'Enter' || (key === 'Tab' && begun !== null)) && active) insert(active);
    else if (key === 'Escape') close();
    else return step(key);
    return true;
  };
  const handlers = {
    onChange: ({ target }: ChangeEvent<HTMLTextAreaElement>) => {
      type(target.value);
      setCaret(target.selectionStart);
      point(0);
    },
    onKeyDown: (event: KeyboardEvent) => {
      if (!press(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    onClick: open,
    onBlur: () => {
      flush();
      close();
    },
  };
  return { text, box, area, found, at, insert, handlers };
}

/** What can be put at the caret: references where one was begun, else whole values. */
function useFound(text: string, caret: number | null, choices: Suggestion[]) {
  const all = useSuggestions();
  const begun = caret === null ? null : beginning(text, caret);
  const found = useMemo(() => {
    if (begun !== null) return matching(all, begun.text);
    return caret === null ? [] : matching(choices, choices.some(({ path }) => path === text) ? '' : text);
  }, [all, begun, choices, caret, text]);
  return { begun, found };
}

/** The box that takes a node; `put` gets the path of the node's output, if it can be referred to. */
function useDroppedOutput(put: ((path: string) => void) | null): RefObject<HTMLDivElement | null> {
  const box = useRef<HTMLDivElement>(null);
  const all = useSuggestions();
  useDroppedNode(box, (node) => {
    const output = all.find(({ path }) => path.startsWith(`${node}.`));
    if (!output || !put) return false;
    put(output.path);
    return true;
  });
  return box;
}

const caretOf = (area: RefObject<HTMLTextAreaElement | null>, text: string) =>
  area.current?.selectionEnd ?? text.length;

/** Puts the caret somewhere as soon as the changed text is there: what is typed next must not come before it. */
function useCaret(area: RefObject<HTMLTextAreaElement | null>): (at: number) => void {
  const wanted = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    area.current?.focus();
    area.current?.setSelectionRange(wanted.current, wanted.current);
    wanted.current = null;
  });
  return (at) => {
    wanted.current = at;
  };
}
