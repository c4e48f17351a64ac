import { X } from 'lucide-react';
import { type ReactNode, useEffect, useId } from 'react';
import { Button } from './Button';
import { classes } from './classes';
import style from './Dialog.module.css';
import { useModal } from './useModal';

const FIRST = [
  `.${style.body} :is(input:not([hidden], [type=file], [type=checkbox], [type=radio]), textarea, select)`,
  '[data-first]',
].join();

type Props = {
  title: string;
  lead?: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
  onClose: () => void;
  wide?: boolean;
  /** Escape and the cross do not close it: the user must choose. */
  holdsOpen?: boolean;
};

/** A modal dialog: the browser keeps the focus inside and gives it back. Rendered only while it is open. */
export function Dialog({ title, lead, children, footer, onClose, wide, holdsOpen }: Props) {
  const ref = useModal();
  const id = useId();
  // The first field, or what is marked as first: not the cross, which comes before them.
  useEffect(() => ref.current?.querySelector<HTMLElement>(FIRST)?.focus(), [ref]);
  return (
    <dialog
      ref={ref}
      className={classes(style.dialog, wide && style.wide)}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        if (!holdsOpen) onClose();
      }}
      // A second Escape closes it whatever `onCancel` says, and with it what may be shown only once.
      onClose={() => holdsOpen && ref.current?.isConnected && ref.current.showModal()}
    >
      <header className={style.head}>
        <div>
          <h2 id={id}>{title}</h2>
          {lead && <p className={style.lead}>{lead}</p>}
        </div>
        {!holdsOpen && <Button look="quiet" size="small" icon={<X />} aria-label="Close" onClick={onClose} />}
      </header>
      <div className={style.body}>{children}</div>
      {footer && <footer className={style.foot}>{footer}</footer>}
    </dialog>
  );
}
