import { Search } from 'lucide-react';
import { type RefObject, useEffect, useRef, useState } from 'react';
import type { Kind, Kinds } from '../api/documents';
import { classes } from '../ui/classes';
import { Checkbox, Input } from '../ui/Field';
import { KindTile } from '../ui/KindTile';
import { type Choice, choicesFor } from './choices';
import style from './Palette.module.css';

type Props = {
  kinds: Kinds;
  /** The node that the new one is put behind. */
  after: string | null;
  onAdd: (kind: Kind, connects: boolean) => void;
  onClose: () => void;
};

/** Every kind of node by its group, and the vendors; typing finds. Enter takes the first one found. */
export function Palette({ kinds, after, onAdd, onClose }: Props) {
  const [query, setQuery] = useState('');
  const [connects, setConnects] = useState(true);
  const [active, setActive] = useState(0);
  const root = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const groups = choicesFor(kinds, query);
  const flat = groups.flatMap((group) => group.choices);
  usePressedBeside(root, onClose);
  const find = (text: string) => {
    setQuery(text);
    setActive(0);
  };
  const take = (choice: Choice | undefined) => {
    if (!choice) return;
    if ('vendor' in choice) {
      find(`${choice.vendor}.`);
      field.current?.focus();
    } else {
      onAdd(choice.kind, connects);
      onClose();
    }
  };
  const keyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setActive((active + step + flat.length) % Math.max(1, flat.length));
    else if (event.key === 'Enter') take(flat[active]);
    else if (event.key === 'Escape') onClose();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={root} className={style.palette} role="dialog" aria-label="Add a node">
      <Input
        ref={field}
        icon={<Search aria-hidden />}
        autoFocus
        role="combobox"
        aria-label="Find a kind"
        aria-expanded
        aria-controls="palette-kinds"
        aria-activedescendant={flat[active] ? `kind-${flat[active].id}` : undefined}
        placeholder="Find a kind"
        value={query}
        onChange={(event) => find(event.target.value)}
        onKeyDown={keyDown}
      />
      <Groups groups={groups} active={flat[active]} onChoose={take} />
      {after !== null && (
        <footer>
          <Checkbox
            label={`Runs after ${after}`}
            checked={connects}
            onChange={(event) => setConnects(event.target.checked)}
          />
        </footer>
      )}
    </div>
  );
}

function usePressedBeside(box: RefObject<HTMLElement | null>, act: () => void) {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const pressed = (event: PointerEvent) => !box.current?.contains(event.target as Node) && latest.current();
    document.addEventListener('pointerdown', pressed);
    return () => document.removeEventListener('pointerdown', pressed);
  }, [box]);
}

type GroupsProps = {
  groups: ReturnType<typeof choicesFor>;
  active: Choice | undefined;
  onChoose: (choice: Choice) => void;
};

function Groups({ groups, active, onChoose }: GroupsProps) {
  return (
    <div role="listbox" id="palette-kinds" aria-label="Kinds" className={style.kinds}>
      {groups.map((group) => (
        // biome-ignore lint/a11y/useSemanticElements: a group of options, not of fields
        <div key={group.label} role="group" aria-label={group.label}>
          <div aria-hidden className={style.group}>
            {group.label}
          </div>
          {group.choices.map((choice) => (
            <Option key={choice.id} choice={choice} isActive={choice === active} onChoose={() => onChoose(choice)} />
          ))}
        </div>
      ))}
      {groups.length === 0 && <p className={style.none}>No kind is called that.</p>}
    </div>
  );
}

function Option({ choice, isActive, onChoose }: { choice: Choice; isActive: boolean; onChoose: () => void }) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isActive) element.current?.scrollIntoView({ block: 'nearest' });
  }, [isActive]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the focus, and Enter in it chooses
    <div
      ref={element}
      id={`kind-${choice.id}`}
      role="option"
      tabIndex={-1}
      aria-selected={isActive}
      className={classes(style.kind, isActive && style.active)}
      onClick={onChoose}
    >
      <KindTile kind={choice.tile} size={24} />
      <span>
        <b>{choice.id}</b>
        <small>{choice.summary}</small>
      </span>
    </div>
  );
}
