import type { ReactNode } from 'react';
import style from './Figures.module.css';

export type Figure = { label: string; value: ReactNode; note?: ReactNode };

/** A row of figures, each with what it is. */
export function Figures({ figures }: { figures: Figure[] }) {
  return (
    <dl className={style.figures}>
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
