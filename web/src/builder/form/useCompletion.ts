import {
  type ChangeEvent,
  type KeyboardEvent,
  type RefObject,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useSuggestions } from '../context';
import type { Suggestion } from '../suggestions';
import { beginning, matching, withReference } from './completing';
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
  const box = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState<number | null>(null);
  const [active, setActive] = useState(0);
  const all = useSuggestions();
  const begun = caret === null ? null : beginning(text, caret);
  const found = useMemo(() => {
    if (begun !== null) return matching(all, begun.text);
    return caret === null ? [] : matching(choices, choices.some(({ path }) => path === text) ? '' : text);
  }, [all, begun, choices, caret, text]);
  const close = () => setCaret(null);
  const open = () => {
    if (choices.length > 0) setCaret(text.length);
    return choices.length > 0;
  };
  const place = useCaret(area);
  useDroppedNode(box, (node) => {
    const output = all.find(({ path }) => path.startsWith(`${node}.`));
    if (!output || disabled) return false;
    const next = withReference(text, area.current?.selectionEnd ?? text.length, output.path);
    type(next.text);
    place(next.caret);
    return true;
  });

  const insert = (suggestion: Suggestion) => {
    if (caret === null) return;
    close();
    if (!begun) return type(suggestion.path);
    const rest = text.slice(caret).replace(/^>/, '');
    type(`${text.slice(0, begun.at)}<${suggestion.path}>${rest}`);
    place(begun.at + suggestion.path.length + 2);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!press(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  /** Whether the key did something here. */
  const press = ({ key }: KeyboardEvent): boolean => {
    if (found.length === 0) return key === 'ArrowDown' && caret === null && open();
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    const chosen = found[active];
    if (step) setActive((active + step + found.length) % found.length);
    else if ((key === 'Enter' || (key === 'Tab' && begun !== null)) && chosen) insert(chosen);
    else if (key === 'Escape') close();
    else return false;
    return true;
  };
  const handlers = {
    onChange: ({ target }: ChangeEvent<HTMLTextAreaElement>) => {
      type(target.value);
      setCaret(target.selectionStart);
      setActive(0);
    },
    onKeyDown,
    onClick: open,
    onBlur: () => {
      flush();
      close();
    },
  };
  return { text, box, area, found, active, insert, handlers };
}

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
