import { CircleAlert, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { classes } from './classes';
import style from './Note.module.css';

const ICON = { info: Info, warn: TriangleAlert, bad: CircleAlert };

type Props = {
  tone?: 'info' | 'warn' | 'bad';
  actions?: ReactNode;
  children: ReactNode;
};

/** Says what is so and what to do about it; its actions stand on the right. */
export function Note({ tone = 'info', actions, children }: Props) {
  const Icon = ICON[tone];
  return (
    <div className={classes(style.note, style[tone])} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon aria-hidden />
      <div className={style.text}>{children}</div>
      {actions && <div className={style.actions}>{actions}</div>}
    </div>
  );
}
