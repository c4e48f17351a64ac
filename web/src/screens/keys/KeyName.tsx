import { Pencil } from 'lucide-react';
import { type FormEvent, type KeyboardEvent, useState } from 'react';
import { announce } from '../../app/announce';
import { useBlocked } from '../../app/useSession';
import { Button } from '../../ui/Button';
import { Input } from '../../ui/Field';
import style from './Keys.module.css';
import type { Key } from './keyState';
import { renameKey, useKeyMutation } from './useKeys';

/** The name of a key, changed where it stands. */
export function KeyName({ of: key }: { of: Key }) {
  const blocked = useBlocked()('admin');
  const [editing, setEditing] = useState(false);
  if (editing) return <Rename of={key} onDone={() => setEditing(false)} />;
  return (
    <span className={style.rename}>
      <span>{key.name}</span>
      <Button look="quiet" size="small" icon={<Pencil />} blocked={blocked} onClick={() => setEditing(true)}>
        Rename
      </Button>
    </span>
  );
}

function Rename({ of: key, onDone }: { of: Key; onDone: () => void }) {
  const [name, setName] = useState(key.name);
  const rename = useKeyMutation(renameKey, (renamed) => {
    announce(`The key is now called ${renamed.name}`);
    onDone();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === key.name) onDone();
    else if (!rename.isPending) rename.mutate({ id: key.id, name: name.trim() });
  };
  // Or the dialog would close.
  const cancel = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    event.stopPropagation();
    onDone();
  };
  return (
    <form className={style.rename} onSubmit={submit}>
      <Input
        className={style.input}
        aria-label="New name"
        aria-invalid={rename.error ? true : undefined}
        autoFocus
        required
        maxLength={200}
        value={name}
        onChange={(event) => setName(event.target.value)}
        onKeyDown={cancel}
      />
      <Button type="submit" size="small" busy={rename.isPending}>
        Save
      </Button>
      <Button look="quiet" size="small" onClick={onDone}>
        Cancel
      </Button>
      {rename.error && <p className={style.wrong}>{rename.error.message}</p>}
    </form>
  );
}
