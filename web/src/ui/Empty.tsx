import type { ReactNode } from 'react';
import { classes } from './classes';
import style from './Empty.module.css';

/** What stands where there is nothing: why, and what to do. */
export function Empty({
  icon,
  title,
  children,
  actions,
}: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <div className={style.empty}>
      {icon && <span className={style.icon}>{icon}</span>}
      <h2 className={style.title}>{title}</h2>
      {children && <p>{children}</p>}
      {actions && <div className={style.actions}>{actions}</div>}
    </div>
  );
}

type SkeletonProps = { rows?: number; as?: 'text' | 'table' };

/** Grey bars in place of what loads, a text or a table. They appear after 150 ms: what comes sooner never flickers. */
export function Skeleton({ rows = 5, as = 'text' }: SkeletonProps) {
  return (
    <div className={classes(style.skeleton, style[as])} role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <span key={index} />
      ))}
    </div>
  );
}
