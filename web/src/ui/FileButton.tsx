import { type ComponentProps, useRef } from 'react';
import { Button } from './Button';

type Props = Omit<ComponentProps<typeof Button>, 'onClick'> & {
  /** What the file is, for those who do not see the button. */
  label: string;
  accept?: string;
  onFile: (file: File) => void;
};

/** A button that asks for a file. The same file can be chosen again, as after an upload that failed. */
export function FileButton({ label, accept, onFile, ...button }: Props) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button {...button} onClick={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        accept={accept}
        hidden
        aria-label={label}
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          event.target.value = '';
          if (file) onFile(file);
        }}
      />
    </>
  );
}
