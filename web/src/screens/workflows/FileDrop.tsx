import { Upload } from 'lucide-react';
import { useState } from 'react';
import { classes } from '../../ui/classes';
import { FileButton } from '../../ui/FileButton';
import style from './FileDrop.module.css';

export type DroppedFile = { document: string; fileName: string };

const LARGEST = 4_194_304;

/** Takes a workflow file that is dropped or chosen. */
export function FileDrop({ onFile }: { onFile: (file: DroppedFile) => void }) {
  const [over, setOver] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const take = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > LARGEST) return setError(`${file.name} is larger than 4 MiB: that is no workflow file.`);
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
          {error ?? 'Of Flowgate, Sim, AI-Flow, GPTBots, Dify or n8n. It becomes a draft; nothing is published.'}
        </span>
      </p>
      <FileButton label="Workflow file" accept=".yaml,.yml,.json,.flow,.dsl" onFile={take}>
        Choose file
      </FileButton>
    </div>
  );
}
