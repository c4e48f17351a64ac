import { Search } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Input } from './Field';
import style from './Filter.module.css';
import { Kbd } from './Kbd';

const PAUSE_MS = 200;

type Props = {
  label: string;
  value: string;
  onChange: (value: string) => void;
};

/** A field that filters a list as one types; `/` goes to it, Escape empties it. */
export function Filter({ label, value, onChange }: Props) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <search className={style.filter}>
      <Input
        type="search"
        icon={<Search aria-hidden />}
        aria-label={label}
        placeholder={label}
        value={typed}
        data-filter
        spellCheck={false}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          if (typed) setTyped('');
          else event.currentTarget.blur();
        }}
      />
      {!typed && <Kbd>/</Kbd>}
    </search>
  );
}
