import { CircleAlert, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { classes } from './classes';
import style from './Note.module.css';

const ICON = { info: Info, warn: TriangleAlert, bad: CircleAlert };

/** Says what is so and what to do about it; its actions stand on the right. */
export function Note({
  tone = 'info',
  actions,
  children,
}: {
  tone?: 'info' | 'warn' | 'bad';
  actions?: ReactNode;
  children: ReactNode;
}) {
  const Icon = ICON[tone];
  return (
    <div className={classes(style.note, style[tone])} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon aria-hidden />
      <div className={style.text}>{children}</div>
      {actions && <div className={style.actions}>{actions}</div>}
    </div>
  );
}
