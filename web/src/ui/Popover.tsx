import { type ReactNode, useId, useLayoutEffect, useRef, useState } from 'react';
import style from './Popover.module.css';

type Props = {
  /** Gets what makes it open the popover. */
  button: (props: { popoverTarget: string; 'aria-expanded': boolean; 'aria-haspopup': 'dialog' }) => ReactNode;
  label: string;
  align?: 'start' | 'end';
  children: (close: () => void) => ReactNode;
};

/** A button that opens something small beside it. The browser closes it on Escape and on a click elsewhere. */
export function Popover({ button, label, align = 'end', children }: Props) {
  const id = useId();
  const anchor = useRef<HTMLSpanElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  useLayoutEffect(() => {
    if (!open || !anchor.current || !panel.current) return;
    place(anchor.current.getBoundingClientRect(), panel.current, align);
  });
  return (
    <span ref={anchor} className={style.anchor}>
      {button({ popoverTarget: id, 'aria-expanded': open, 'aria-haspopup': 'dialog' })}
      <div
        ref={panel}
        id={id}
        popover="auto"
        role="dialog"
        aria-label={label}
        className={style.panel}
        onToggle={(event) => setOpen(event.newState === 'open')}
      >
        {open && children(() => panel.current?.hidePopover())}
      </div>
    </span>
  );
}

function place(anchor: DOMRect, panel: HTMLElement, align: 'start' | 'end') {
  const { width, height } = panel.getBoundingClientRect();
  const left = align === 'start' ? anchor.left : anchor.right - width;
  const below = anchor.bottom + 6;
  const top = below + height < innerHeight ? below : Math.max(8, anchor.top - height - 6);
  panel.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  panel.style.top = `${top}px`;
}
