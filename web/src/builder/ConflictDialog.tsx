import { useState } from 'react';
import { stringify } from 'yaml';
import type { WorkflowDraft } from '../api/documents';
import { nameIn, useKeyNames } from '../runs/names';
import { Button } from '../ui/Button';
import { CopyButton } from '../ui/CodeBlock';
import { Dialog } from '../ui/Dialog';
import { formatAgo } from '../ui/format';
import { Segment } from '../ui/Segment';
import style from './ConflictDialog.module.css';
import { useBuilder } from './context';
import type { Choice, Conflict } from './document/merge';
import type { Unit } from './document/units';

type Saved = WorkflowDraft['draft'];

/** Two people changed the same parts: each is decided here. Everything else has merged already. */
export default function ConflictDialog({ conflicts, theirs }: { conflicts: Conflict[]; theirs: Saved }) {
  const { store } = useBuilder();
  const [choices, setChoices] = useState<Record<string, Choice>>({});
  const open = conflicts.filter(({ key }) => choices[key] === undefined).length;
  return (
    <Dialog
      wide
      holdsOpen
      title="Somebody else changed the same parts"
      lead={
        <>
          <SavedBy of={theirs} /> Everything else of both is merged. Choose for each of these; undo brings your text
          back.
        </>
      }
      onClose={() => {}}
      footer={
        <>
          <CopyButton text={store.text} label="Copy your text" size="normal" />
          <Button
            look="primary"
            blocked={open > 0 ? `${open} left to choose` : null}
            onClick={() => void store.resolve(choices)}
          >
            Merge and save
          </Button>
        </>
      }
    >
      {conflicts.map((conflict) => (
        <Sides
          key={conflict.key}
          conflict={conflict}
          choice={choices[conflict.key]}
          onChoose={(choice) => setChoices({ ...choices, [conflict.key]: choice })}
        />
      ))}
    </Dialog>
  );
}

function SavedBy({ of: { saved_at, saved_by } }: { of: Saved }) {
  const keys = useKeyNames();
  const by = saved_by === null ? 'by the operator' : `with the key ${nameIn(keys, saved_by) ?? saved_by}`;
  return `Saved ${formatAgo(saved_at)} ${by}.`;
}

const SIDES: { value: Choice; label: string }[] = [
  { value: 'theirs', label: 'Theirs' },
  { value: 'mine', label: 'Yours' },
];

type SidesProps = { conflict: Conflict; choice: Choice | undefined; onChoose: (choice: Choice) => void };

const Sides = ({ conflict: { name, theirs, mine }, choice, onChoose }: SidesProps) => (
  <section className={style.conflict}>
    <header>
      <code>{name}</code>
      <Segment label={`Version of ${name}`} options={SIDES} value={choice ?? ('' as Choice)} onChange={onChoose} />
    </header>
    <div className={style.sides}>
      <Side label="Theirs" unit={theirs} />
      <Side label="Yours" unit={mine} />
    </div>
  </section>
);

function Side({ label, unit }: { label: string; unit: Unit | null }) {
  return (
    <figure aria-label={label}>
      <figcaption>{label}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{unit ? written(unit) : 'removed'}</pre>
    </figure>
  );
}

const written = ({ value }: Unit) => (typeof value === 'string' ? value : stringify(value, { lineWidth: 0 }));
