import { useId } from 'react';
import { classes } from '../../ui/classes';
import { intoView } from '../../ui/useChoice';
import { referencesIn } from '../document/references';
import type { Suggestion } from '../suggestions';
import { TAKES_OUTPUTS } from './dropping';
import style from './RefText.module.css';
import { type CompletionProps, useCompletion } from './useCompletion';

type Props = CompletionProps & {
  id?: string;
  lines?: number;
  mono?: boolean;
  placeholder?: string;
  label?: string;
  describedBy?: string;
  invalid?: boolean;
};

/** Text with references: they are marked, and `<` offers them. */
export function RefText({ id, lines = 1, mono, placeholder, label, describedBy, invalid, ...rest }: Props) {
  const { disabled } = rest;
  const list = useId();
  const { text, box, area, found, at, insert, handlers } = useCompletion(rest);
  const isOpen = found.length > 0;
  return (
    <div
      ref={box}
      {...TAKES_OUTPUTS}
      className={classes(style.box, mono && style.mono, invalid && style.invalid, disabled && style.off)}
    >
      <Marked text={text} />
      <textarea
        ref={area}
        id={id}
        rows={lines}
        spellCheck={false}
        value={text}
        disabled={disabled}
        placeholder={placeholder}
        aria-label={label}
        aria-describedby={describedBy}
        aria-invalid={invalid || undefined}
        aria-autocomplete="list"
        aria-expanded={isOpen}
        aria-controls={isOpen ? list : undefined}
        aria-activedescendant={isOpen ? `${list}-${at}` : undefined}
        role="combobox"
        {...handlers}
      />
      {isOpen && <Suggestions id={list} found={found} active={at} onChoose={insert} />}
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
