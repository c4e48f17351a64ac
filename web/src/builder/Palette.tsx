import { Search } from 'lucide-react';
import { type RefObject, useEffect, useRef, useState } from 'react';
import type { Kind, Kinds } from '../api/documents';
import { classes } from '../ui/classes';
import { Checkbox, Input } from '../ui/Field';
import { KindTile } from '../ui/KindTile';
import { intoView, useChoice } from '../ui/useChoice';
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
  const [connects, setConnects] = useState(true);
  const root = useRef<HTMLDivElement>(null);
  usePressedBeside(root, onClose);
  const take = (kind: Kind) => {
    onAdd(kind, connects);
    onClose();
  };
  return (
    <div ref={root} className={style.palette} role="dialog" aria-label="Add a node">
      <Finder kinds={kinds} onTake={take} onClose={onClose} />
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

type FinderProps = { kinds: Kinds; onTake: (kind: Kind) => void; onClose: () => void };

/** The field and the kinds that it finds. A vendor is taken by writing its name into the field. */
function Finder({ kinds, onTake, onClose }: FinderProps) {
  const [query, setQuery] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const groups = choicesFor(kinds, query);
  const { active, point, step } = useChoice(groups.flatMap((group) => group.choices));
  const find = (text: string) => {
    setQuery(text);
    point(0);
  };
  const take = (choice: Choice) => {
    if ('kind' in choice) return onTake(choice.kind);
    find(`${choice.vendor}.`);
    field.current?.focus();
  };
  const keyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'Escape') onClose();
    else if (event.key === 'Enter') active && take(active);
    else if (!step(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <Input
        ref={field}
        icon={<Search aria-hidden />}
        autoFocus
        role="combobox"
        aria-label="Find a kind"
        aria-expanded
        aria-controls="palette-kinds"
        aria-activedescendant={active && `kind-${active.id}`}
        placeholder="Find a kind"
        value={query}
        onChange={(event) => find(event.target.value)}
        onKeyDown={keyDown}
      />
      <Groups groups={groups} active={active} onChoose={take} />
    </>
  );
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
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the focus, and Enter in it chooses
    <div
      ref={isActive ? intoView : undefined}
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
