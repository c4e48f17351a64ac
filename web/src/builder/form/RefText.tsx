import { type KeyboardEvent, useId, useMemo, useRef, useState } from 'react';
import { classes } from '../../ui/classes';
import { useSuggestions } from '../context';
import { referencesIn } from '../document/references';
import type { Suggestion } from '../suggestions';
import { beginning, matching } from './completing';
import style from './RefText.module.css';
import { useBuffered } from './useBuffered';

type Props = {
  id?: string;
  value: string;
  onChange: (value: string) => void;
  lines?: number;
  mono?: boolean;
  disabled?: boolean;
  placeholder?: string;
  label?: string;
  describedBy?: string;
  invalid?: boolean;
  /** Whole values to choose from. */
  choices?: Suggestion[];
};

const NO_CHOICES: Suggestion[] = [];

/** Text with references: they are marked, and `<` offers them. */
export function RefText({
  id,
  value,
  onChange,
  lines = 1,
  mono,
  disabled,
  placeholder,
  label,
  describedBy,
  invalid,
  choices = NO_CHOICES,
}: Props) {
  const { shown, type, flush } = useBuffered(value, onChange);
  const area = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState<number | null>(null);
  const [active, setActive] = useState(0);
  const list = useId();
  const all = useSuggestions();
  const begun = caret === null ? null : beginning(shown, caret);
  const found = useMemo(() => {
    if (begun !== null) return matching(all, begun.text);
    return caret === null ? [] : matching(choices, choices.some(({ path }) => path === shown) ? '' : shown);
  }, [all, begun, choices, caret, shown]);
  const isOpen = found.length > 0;
  const insert = (suggestion: Suggestion) => {
    if (caret === null) return;
    if (!begun) {
      type(suggestion.path);
      setCaret(null);
      return;
    }
    const rest = shown.slice(caret).replace(/^>/, '');
    type(`${shown.slice(0, begun.at)}<${suggestion.path}>${rest}`);
    setCaret(null);
    const end = begun.at + suggestion.path.length + 2;
    requestAnimationFrame(() => area.current?.setSelectionRange(end, end));
  };
  const keyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' && choices.length > 0 && caret === null) {
      setCaret(shown.length);
      event.preventDefault();
      return;
    }
    if (!isOpen) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const chosen = found[active];
    if (step) setActive((active + step + found.length) % found.length);
    else if ((event.key === 'Enter' || (event.key === 'Tab' && begun !== null)) && chosen) insert(chosen);
    else if (event.key === 'Escape') setCaret(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className={classes(style.box, mono && style.mono, invalid && style.invalid, disabled && style.off)}>
      <Marked text={shown} />
      <textarea
        ref={area}
        id={id}
        rows={lines}
        spellCheck={false}
        value={shown}
        disabled={disabled}
        placeholder={placeholder}
        aria-label={label}
        aria-describedby={describedBy}
        aria-invalid={invalid || undefined}
        aria-autocomplete="list"
        aria-expanded={isOpen}
        aria-controls={isOpen ? list : undefined}
        aria-activedescendant={isOpen ? `${list}-${active}` : undefined}
        role="combobox"
        onChange={(event) => {
          type(event.target.value);
          setCaret(event.target.selectionStart);
          setActive(0);
        }}
        onKeyDown={keyDown}
        onClick={() => choices.length > 0 && setCaret(shown.length)}
        onBlur={() => {
          flush();
          setCaret(null);
        }}
      />
      {isOpen && <Suggestions id={list} found={found} active={active} onChoose={insert} />}
    </div>
  );
}

/** The same text beneath the field, with a ground under each reference. */
function Marked({ text }: { text: string }) {
  const parts: React.ReactNode[] = [];
  let end = 0;
  for (const reference of referencesIn(text)) {
    parts.push(text.slice(end, reference.start));
    parts.push(<mark key={reference.start}>{text.slice(reference.start, reference.end)}</mark>);
    end = reference.end;
  }
  return (
    <div className={style.marked} aria-hidden>
      {parts}
      {text.slice(end)}
      {'\u200b'}
    </div>
  );
}

const intoView = (element: HTMLElement | null) => element?.scrollIntoView({ block: 'nearest' });

type ListProps = { id: string; found: Suggestion[]; active: number; onChoose: (suggestion: Suggestion) => void };

function Suggestions({ id, found, active, onChoose }: ListProps) {
  return (
    <div role="listbox" id={id} aria-label="References" className={style.list}>
      {found.map((suggestion, index) => (
        <div
          key={suggestion.path}
          ref={index === active ? intoView : undefined}
          id={`${id}-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === active}
          onMouseDown={(event) => {
            event.preventDefault();
            onChoose(suggestion);
          }}
        >
          <code>{suggestion.path}</code>
          <span>{suggestion.from}</span>
        </div>
      ))}
    </div>
  );
}
