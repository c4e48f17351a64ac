import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { Button } from './Button';
import style from './CodeBlock.module.css';

/** A button that copies a text and says that it did. */
export function CopyButton({ text, label = 'Copy', quiet }: { text: string; label?: string; quiet?: boolean }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2_000);
  };
  return (
    <Button
      look={quiet ? 'quiet' : 'normal'}
      size="small"
      icon={done ? <Check /> : <Copy />}
      aria-label={done ? 'Copied' : label}
      title={label}
      onClick={copy}
    >
      {quiet ? null : done ? 'Copied' : label}
    </Button>
  );
}

/** Code as it is, with a way to copy it. */
export function CodeBlock({ code, label, copyText = code }: { code: string; label: string; copyText?: string }) {
  return (
    <figure className={style.block} aria-label={label}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{code}</pre>
      <span className={style.copy}>
        <CopyButton text={copyText} label={`Copy ${label}`} quiet />
      </span>
    </figure>
  );
}
