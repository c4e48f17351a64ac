import type { ReactNode } from 'react';
import style from './Api.module.css';

/** A part of the page: its heading, a remark beside it, and what can be done with it. */
export function Section({
  title,
  remark,
  actions,
  children,
}: {
  title: string;
  remark?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className={style.section} aria-label={title}>
      <header>
        <h2 className={style.title}>{title}</h2>
        {remark && <span>{remark}</span>}
        {actions && <div>{actions}</div>}
      </header>
      {children}
    </section>
  );
}
