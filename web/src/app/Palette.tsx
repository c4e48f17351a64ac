import {
  ArrowRight,
  ChartNoAxesGantt,
  CircleDot,
  type LucideIcon,
  Search,
  Settings,
  Workflow,
  Zap,
} from 'lucide-react';
import { useId, useState } from 'react';
import { classes } from '../ui/classes';
import { Kbd } from '../ui/Kbd';
import { intoView, useChoice } from '../ui/useChoice';
import { useModal } from '../ui/useModal';
import { shown } from './keys';
import style from './Palette.module.css';
import { type Entry, matching } from './paletteEntries';
import { APPLE } from './shortcuts';
import { usePaletteEntries } from './usePaletteEntries';

const ICON: Record<Entry['kind'], LucideIcon> = {
  action: Zap,
  node: CircleDot,
  place: ArrowRight,
  workflow: Workflow,
  run: ChartNoAxesGantt,
  setting: Settings,
};

/** Searches everything that can be gone to or done, and does it. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const dialog = useModal();
  const list = useId();
  const { typed, type, found, at, active, point, step } = useSearch();
  const act = (entry: Entry | undefined) => {
    if (!entry || entry.blocked) return;
    onClose();
    // After the dialog has given the focus back, so that what the action focuses keeps it.
    setTimeout(entry.run);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'Enter') act(active);
    else if (!step(event.key)) return;
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside it closes it, as Escape does
    <dialog
      ref={dialog}
      className={style.palette}
      aria-label="Search or jump to"
      onCancel={onClose}
      onClick={(event) => event.target === event.currentTarget && onClose()}
    >
      <Head
        list={list}
        active={active ? `${list}-${at}` : undefined}
        typed={typed}
        onType={type}
        onKeyDown={onKeyDown}
      />
      <Found list={list} found={found} chosen={active} onPick={act} onPoint={point} />
    </dialog>
  );
}

/** What is typed, and what it finds. */
function useSearch() {
  const [typed, setTyped] = useState('');
  const found = matching(usePaletteEntries(typed), typed);
  const choice = useChoice(found);
  const type = (text: string) => {
    setTyped(text);
    choice.point(0);
  };
  return { typed, type, found, ...choice };
}

type HeadProps = {
  list: string;
  active: string | undefined;
  typed: string;
  onType: (text: string) => void;
  onKeyDown: (event: React.KeyboardEvent) => void;
};

function Head({ list, active, typed, onType, onKeyDown }: HeadProps) {
  return (
    <div className={style.head}>
      <Search aria-hidden />
      <input
        role="combobox"
        aria-label="Search or jump to"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={active}
        autoComplete="off"
        spellCheck={false}
        placeholder="A place, a workflow, a run’s id, an action"
        value={typed}
        onChange={(event) => onType(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <Kbd>Esc</Kbd>
    </div>
  );
}

type FoundProps = {
  list: string;
  found: Entry[];
  chosen: Entry | undefined;
  onPick: (entry: Entry) => void;
  onPoint: (index: number) => void;
};

const Found = ({ list, found, chosen, onPick, onPoint }: FoundProps) => (
  <>
    <div role="listbox" id={list} aria-label="Found" className={style.list}>
      {found.map((entry, index) => (
        <Option
          key={`${entry.kind} ${entry.id}`}
          id={`${list}-${index}`}
          entry={entry}
          chosen={entry === chosen}
          onPick={() => onPick(entry)}
          onPoint={() => onPoint(index)}
        />
      ))}
    </div>
    {!found.length && <p className={style.none}>Nothing matches. A run is found by its whole id.</p>}
  </>
);

type OptionProps = { id: string; entry: Entry; chosen: boolean; onPick: () => void; onPoint: () => void };

function Option({ id, entry, chosen, onPick, onPoint }: OptionProps) {
  const Icon = ICON[entry.kind];
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard acts in the text field, which names the active option
    // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the text field
    <div
      ref={chosen ? intoView : undefined}
      role="option"
      id={id}
      aria-selected={chosen}
      aria-disabled={entry.blocked ? true : undefined}
      className={classes(style.option, chosen && style.chosen)}
      onClick={onPick}
      onPointerMove={chosen ? undefined : onPoint}
    >
      <Icon aria-hidden />
      <b>{entry.label}</b>
      <span>{entry.blocked ?? entry.hint}</span>
      {entry.shortcut && <Kbd>{shown(entry.shortcut, APPLE)}</Kbd>}
    </div>
  );
}
