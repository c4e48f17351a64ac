import { type ReactNode, useState } from 'react';
import { Button } from './Button';
import style from './Confirm.module.css';
import { Dialog } from './Dialog';
import { Note } from './Note';
import { TextField } from './TextField';

/** What a dialog needs of a mutation. */
type Mutation = { mutate: () => void; isPending: boolean; error: Error | null };

type Props = {
  title: string;
  action: string;
  typed?: string;
  blocked?: string | null;
  mutation: Mutation;
  onClose: () => void;
  children: ReactNode;
};

/** Asks before something that others will notice. `typed` is a text to type first, where nothing brings it back. */
export function Confirm({ title, action, typed, blocked, mutation, onClose, children }: Props) {
  const [text, setText] = useState('');
  const missing = typed !== undefined && text.trim() !== typed ? `Type ${typed} first.` : null;
  const act = () => mutation.isPending || mutation.mutate();
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button look="quiet" data-first onClick={onClose}>
            Cancel
          </Button>
          <Button
            look={typed ? 'danger' : 'primary'}
            blocked={blocked ?? missing}
            busy={mutation.isPending}
            onClick={act}
          >
            {action}
          </Button>
        </>
      }
    >
      <div className={style.words}>{children}</div>
      {typed !== undefined && (
        <TextField
          label={`Type ${typed} to confirm`}
          mono
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={setText}
          onKeyDown={(event) => event.key === 'Enter' && !missing && !blocked && act()}
        />
      )}
      {mutation.error && <Note tone="bad">{mutation.error.message}</Note>}
    </Dialog>
  );
}
