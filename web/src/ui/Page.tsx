import type { ReactNode } from 'react';
import style from './Page.module.css';

/** A page of the sidebar: its title, what to do, and its content. Also sets the title of the tab. */
export function Page({
  title,
  lead,
  actions,
  children,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className={style.page}>
      <title>{`${title} · Flowgate`}</title>
      <header className={style.head}>
        <div>
          <h1>{title}</h1>
          {lead && <p>{lead}</p>}
        </div>
        {actions && <div className={style.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
