import { Check, Copy } from 'lucide-react';
import { useMemo } from 'react';
import { Button } from './Button';
import style from './CodeBlock.module.css';
import { type CodeLanguage, highlight } from './highlight';
import { useCopy } from './useCopy';

type CopyProps = { text: string; label?: string; quiet?: boolean; size?: 'normal' | 'small' };

/** A button that copies a text and says that it did. */
export function CopyButton({ text, label = 'Copy', quiet, size = 'small' }: CopyProps) {
  const { state, copy } = useCopy();
  const said = { copied: 'Copied', refused: 'Not copied: select it yourself' };
  const shown = state ? said[state] : label;
  return (
    <Button
      look={quiet ? 'quiet' : 'normal'}
      size={size}
      icon={state === 'copied' ? <Check /> : <Copy />}
      aria-label={shown}
      title={shown}
      onClick={() => copy(text)}
    >
      {quiet ? null : shown}
    </Button>
  );
}

type CodeBlockProps = {
  code: string;
  label: string;
  /** Colours it. */
  language?: CodeLanguage;
  /** What the button copies, where that is not the code. */
  copyText?: string;
  /** The button stands elsewhere. */
  bare?: boolean;
};

/** Code as it is, with a way to copy it. */
export function CodeBlock({ code, label, language, copyText = code, bare }: CodeBlockProps) {
  return (
    <figure className={style.block} aria-label={label}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{language ? <Coloured code={code} language={language} /> : code}</pre>
      {!bare && (
        <span className={style.copy}>
          <CopyButton text={copyText} label={`Copy ${label}`} quiet />
        </span>
      )}
    </figure>
  );
}

function Coloured({ code, language }: { code: string; language: CodeLanguage }) {
  const tokens = useMemo(() => highlight(code, language), [code, language]);
  return tokens.map(({ kind, text }, index) =>
    kind ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: tokens never move on their own
      <span key={index} className={style[kind]}>
        {text}
      </span>
    ) : (
      text
    ),
  );
}
