import { Paperclip, X } from 'lucide-react';
import { useState } from 'react';
import { ApiError, type Schemas } from '../../../api/client';
import { Button } from '../../../ui/Button';
import { CopyButton } from '../../../ui/CodeBlock';
import { Input } from '../../../ui/Field';
import { FileButton } from '../../../ui/FileButton';
import { formatBytes } from '../../../ui/format';
import { Note } from '../../../ui/Note';
import style from './Form.module.css';
import { upload } from './upload';

type Props = {
  ids: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true };
  value: string;
  onChange: (value: string) => void;
};

/** A file that is uploaded, or its address. */
export function FileControl({ ids, value, onChange }: Props) {
  const { busy, error, command, take } = useUpload(onChange);
  const file = uploaded(value);
  return (
    <>
      <span className={style.file}>
        {file ? (
          <span className={style.uploaded}>
            <Paperclip aria-hidden />
            <b>{file.name}</b> {formatBytes(file.size)}
            <Button look="quiet" size="small" icon={<X />} aria-label="Remove the file" onClick={() => onChange('')} />
          </span>
        ) : (
          <Input {...ids} value={value} placeholder="https://…" onChange={(event) => onChange(event.target.value)} />
        )}
        <FileButton label="File" icon={<Paperclip />} busy={busy} onFile={take}>
          {busy ? 'Uploading' : 'Upload'}
        </FileButton>
      </span>
      {command && file && <BySelf command={command} />}
      {error && (
        <p className={style.wrong} role="alert">
          {error}
        </p>
      )}
    </>
  );
}

/** Uploads what is picked; a file that the page may not send itself comes with a command that does. */
function useUpload(onChange: (value: string) => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [command, setCommand] = useState<string | null>(null);
  const take = async (picked: File) => {
    setBusy(true);
    setError(null);
    setCommand(null);
    try {
      const sent = await upload(picked);
      setCommand(sent.command);
      onChange(JSON.stringify(sent.file));
    } catch (failure) {
      setError(failure instanceof ApiError ? `It was not uploaded: ${failure.message}` : String(failure));
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, command, take };
}

function uploaded(value: string): Schemas['File'] | null {
  if (!value.startsWith('{')) return null;
  try {
    const file = JSON.parse(value);
    return file.$file ? file : null;
  } catch {
    return null;
  }
}

/** What the page may not send: the policy lets it talk to its own server alone. */
function BySelf({ command }: { command: string }) {
  return (
    <Note actions={<CopyButton text={command} label="Copy the command" />}>
      It is larger than 4 MB, and such files go straight to the store. Send it with this command, in its folder, then
      run:
      <code className={style.command}>{command}</code>
    </Note>
  );
}
