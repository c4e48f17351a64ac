import type { ReactNode } from 'react';
import { classes } from './classes';
import style from './Figures.module.css';

export type Figure = { label: string; value: ReactNode; note?: ReactNode };

/** A row of figures, each with what it is; `dense` in a panel. */
export function Figures({ figures, dense }: { figures: Figure[]; dense?: boolean }) {
  return (
    <dl className={classes(style.figures, dense && style.dense)}>
      {figures.map((figure) => (
        <div key={figure.label}>
          <dt>{figure.label}</dt>
          <dd>
            <b>{figure.value}</b> {figure.note && <span>{figure.note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
