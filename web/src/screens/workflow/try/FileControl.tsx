import { Paperclip, X } from 'lucide-react';
import { useRef, useState } from 'react';
import { ApiError, authorizedFetch, BASE, type Schemas } from '../../../api/client';
import { Button } from '../../../ui/Button';
import { Input } from '../../../ui/Field';
import { formatBytes } from '../../../ui/format';
import style from './Form.module.css';

type Props = {
  ids: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true };
  value: string;
  onChange: (value: string) => void;
};

/** A file that is uploaded, or its address. */
export function FileControl({ ids, value, onChange }: Props) {
  const picker = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const file = uploaded(value);

  const upload = async (picked: File | undefined) => {
    if (!picked) return;
    setBusy(true);
    setError(null);
    try {
      onChange(JSON.stringify(await send(picked)));
    } catch (failure) {
      setError(failure instanceof ApiError ? `It was not uploaded: ${failure.message}` : String(failure));
    } finally {
      setBusy(false);
    }
  };

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
        <Button icon={<Paperclip />} busy={busy} onClick={() => picker.current?.click()}>
          {busy ? 'Uploading' : 'Upload'}
        </Button>
      </span>
      <input ref={picker} type="file" hidden onChange={(event) => upload(event.target.files?.[0])} />
      {error && (
        <p className={style.wrong} role="alert">
          {error}
        </p>
      )}
    </>
  );
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

async function send(file: File): Promise<Schemas['File']> {
  const response = await authorizedFetch(`${BASE}/v1/files?name=${encodeURIComponent(file.name)}`, {
    method: 'POST',
    headers: { 'Content-Type': file.type || 'application/octet-stream' },
    body: file,
  });
  return response.json();
}
