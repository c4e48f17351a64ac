import type { ReactNode } from 'react';
import style from './Toolbar.module.css';

/** The row above a list: what filters it on the left, `end` on the right. */
export const Toolbar = ({ children, end }: { children: ReactNode; end?: ReactNode }) => (
  <div className={style.toolbar}>
    {children}
    {end && <div className={style.end}>{end}</div>}
  </div>
);
