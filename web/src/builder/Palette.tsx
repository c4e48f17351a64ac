import { Search } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { Kind } from '../api/documents';
import { classes } from '../ui/classes';
import { Checkbox, Input } from '../ui/Field';
import { KindTile } from '../ui/KindTile';
import style from './Palette.module.css';

const GROUPS: [Kind['group'], string][] = [
  ['model', 'Models'],
  ['call', 'Calls'],
  ['flow', 'Flow'],
  ['data', 'Data'],
  ['people', 'People and time'],
  ['gate', 'Result'],
];

type Props = {
  kinds: Kind[];
  /** The node that the new one is put behind. */
  after: string | null;
  onAdd: (kind: Kind, connects: boolean) => void;
  onClose: () => void;
};

/** Every kind of node by its group; typing finds. Enter adds the first one found. */
export function Palette({ kinds, after, onAdd, onClose }: Props) {
  const [query, setQuery] = useState('');
  const [connects, setConnects] = useState(true);
  const [active, setActive] = useState(0);
  const root = useRef<HTMLDivElement>(null);
  const groups = found(kinds, query);
  const flat = groups.flatMap((group) => group.kinds);
  useEffect(() => {
    const away = (event: PointerEvent) => !root.current?.contains(event.target as Node) && onClose();
    document.addEventListener('pointerdown', away);
    return () => document.removeEventListener('pointerdown', away);
  }, [onClose]);
  const add = (kind: Kind | undefined) => {
    if (!kind) return;
    onAdd(kind, connects);
    onClose();
  };
  const keyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setActive((active + step + flat.length) % Math.max(1, flat.length));
    else if (event.key === 'Enter') add(flat[active]);
    else if (event.key === 'Escape') onClose();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={root} className={style.palette} role="dialog" aria-label="Add a node">
      <Input
        icon={<Search aria-hidden />}
        autoFocus
        role="combobox"
        aria-label="Find a kind"
        aria-expanded
        aria-controls="palette-kinds"
        aria-activedescendant={flat[active] ? `kind-${flat[active].name}` : undefined}
        placeholder="Find a kind"
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setActive(0);
        }}
        onKeyDown={keyDown}
      />
      <div role="listbox" id="palette-kinds" aria-label="Kinds" className={style.kinds}>
        {groups.map((group) => (
          // biome-ignore lint/a11y/useSemanticElements: a group of options, not of fields
          <div key={group.label} role="group" aria-label={group.label}>
            <div aria-hidden className={style.group}>
              {group.label}
            </div>
            {group.kinds.map((kind) => (
              <Choice key={kind.name} kind={kind} isActive={kind === flat[active]} onChoose={() => add(kind)} />
            ))}
          </div>
        ))}
        {flat.length === 0 && <p className={style.none}>No kind is called that.</p>}
      </div>
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

function Choice({ kind, isActive, onChoose }: { kind: Kind; isActive: boolean; onChoose: () => void }) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isActive) element.current?.scrollIntoView({ block: 'nearest' });
  }, [isActive]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the focus, and Enter in it chooses
    <div
      ref={element}
      id={`kind-${kind.name}`}
      role="option"
      tabIndex={-1}
      aria-selected={isActive}
      className={classes(style.kind, isActive && style.active)}
      onClick={onChoose}
    >
      <KindTile kind={kind.name} size={24} />
      <span>
        <b>{kind.name}</b>
        <small>{kind.summary}</small>
      </span>
    </div>
  );
}

function found(kinds: Kind[], query: string) {
  const wanted = query.trim().toLowerCase();
  const fits = (kind: Kind) => kind.name.includes(wanted) || kind.summary.toLowerCase().includes(wanted);
  const best = (kind: Kind) => (kind.name.startsWith(wanted) ? 0 : kind.name.includes(wanted) ? 1 : 2);
  const all = kinds.filter((kind) => kind.role !== 'input' && fits(kind));
  if (wanted)
    return [{ label: 'Found', kinds: all.sort((a, b) => best(a) - best(b)) }].filter(({ kinds }) => kinds.length);
  return GROUPS.map(([group, label]) => ({ label, kinds: all.filter((kind) => kind.group === group) })).filter(
    ({ kinds }) => kinds.length > 0,
  );
}
