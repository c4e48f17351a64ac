import { useState } from 'react';
import { CopyButton } from './CodeBlock';
import style from './JsonTree.module.css';

const LONG = 2_000;
const MANY = 100;

/** A JSON value as a tree that folds. Long texts and lists are shown in part, and copied whole. */
export function JsonTree({ value, label }: { value: unknown; label: string }) {
  return (
    <section className={style.root} aria-label={label}>
      <span className={style.copy}>
        <CopyButton text={JSON.stringify(value, null, 2) ?? 'null'} label={`Copy ${label}`} quiet />
      </span>
      <Value value={value} depth={0} />
    </section>
  );
}

function Value({ value, depth }: { value: unknown; depth: number }) {
  if (Array.isArray(value)) {
    return (
      <Branch open="[" close="]" entries={value.map((item, index) => [String(index), item])} numbered depth={depth} />
    );
  }
  if (value !== null && typeof value === 'object') {
    return <Branch open="{" close="}" entries={Object.entries(value)} depth={depth} />;
  }
  if (typeof value === 'string') return <Text text={value} />;
  return <span className={style.atom}>{String(value)}</span>;
}

function Text({ text }: { text: string }) {
  const [whole, setWhole] = useState(text.length <= LONG);
  return (
    <span className={style.text}>
      {JSON.stringify(whole ? text : text.slice(0, LONG))}
      {!whole && (
        <button type="button" className={style.more} onClick={() => setWhole(true)}>
          {(text.length - LONG).toLocaleString('en-US')} more characters
        </button>
      )}
    </span>
  );
}

type BranchProps = { open: string; close: string; entries: [string, unknown][]; numbered?: boolean; depth: number };

function Branch({ open, close, entries, numbered, depth }: BranchProps) {
  const [unfolded, setUnfolded] = useState(depth < 2);
  const [shown, setShown] = useState(MANY);
  if (!entries.length) return <span>{open + close}</span>;
  return (
    <>
      <button type="button" className={style.fold} aria-expanded={unfolded} onClick={() => setUnfolded(!unfolded)}>
        {unfolded ? open : `${open} ${entries.length} ${entries.length === 1 ? 'item' : 'items'} ${close}`}
      </button>
      {unfolded && (
        <>
          <ul className={style.branch}>
            {entries.slice(0, shown).map(([key, item]) => (
              <li key={key}>
                {!numbered && <span className={style.key}>{JSON.stringify(key)}: </span>}
                <Value value={item} depth={depth + 1} />
              </li>
            ))}
            {entries.length > shown && (
              <li>
                <button type="button" className={style.more} onClick={() => setShown(shown + MANY)}>
                  {entries.length - shown} more
                </button>
              </li>
            )}
          </ul>
          {close}
        </>
      )}
    </>
  );
}
