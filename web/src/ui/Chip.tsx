import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import style from './Chip.module.css';
import { classes } from './classes';

/** A short word on a ground: a scope, a version (`outline`), a reference (`reference`). */
export function Chip({ look = 'plain', children }: { look?: 'plain' | 'outline' | 'reference'; children: ReactNode }) {
  return <span className={classes(style.chip, style[look])}>{children}</span>;
}

/** A filter that applies; the cross removes it. */
export function FilterChip({ name, value, onRemove }: { name: string; value: string; onRemove: () => void }) {
  return (
    <span className={style.filter}>
      <span>
        {name} <b>{value}</b>
      </span>
      <button type="button" aria-label={`Remove the filter ${name}`} onClick={onRemove}>
        <X aria-hidden />
      </button>
    </span>
  );
}
