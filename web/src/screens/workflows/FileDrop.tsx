import { Upload } from 'lucide-react';
import { useRef, useState } from 'react';
import { Button } from '../../ui/Button';
import { classes } from '../../ui/classes';
import style from './FileDrop.module.css';

export type DroppedFile = { document: string; fileName: string };

const LARGEST = 1_048_576;

/** Takes a workflow file that is dropped or chosen. */
export function FileDrop({ onFile }: { onFile: (file: DroppedFile) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const take = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > LARGEST) return setError(`${file.name} is larger than 1 MiB: that is no workflow document.`);
    setError(null);
    onFile({ document: await file.text(), fileName: file.name });
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button in it does the same by keyboard
    <div
      className={classes(style.drop, over && style.over)}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files[0]);
      }}
    >
      <i aria-hidden>
        <Upload />
      </i>
      <p>
        <b>Drop a workflow file here</b>
        <span className={classes(error && style.error)} role={error ? 'alert' : undefined}>
          {error ?? 'Flowgate YAML or JSON. It becomes a draft; nothing is published.'}
        </span>
      </p>
      <Button onClick={() => input.current?.click()}>Choose file</Button>
      <input
        ref={input}
        type="file"
        accept=".yaml,.yml,.json"
        hidden
        aria-label="Workflow file"
        onChange={(event) => take(event.target.files?.[0])}
      />
    </div>
  );
}
