import type { ReactNode } from 'react';
import style from './Page.module.css';

/** A page of the sidebar: its title, what to do, and its content. Also sets the title of the tab. */
export function Page({
  title,
  beside,
  lead,
  actions,
  children,
}: {
  title: string;
  /** Stands beside the title. */
  beside?: ReactNode;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className={style.page}>
      <title>{`${title} · Flowgate`}</title>
      <header className={style.head}>
        <div>
          <div className={style.title}>
            <h1>{title}</h1>
            {beside}
          </div>
          {lead && <p>{lead}</p>}
        </div>
        {actions && <div className={style.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
