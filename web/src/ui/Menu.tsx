import { Ellipsis } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './Button';
import { classes } from './classes';
import style from './Menu.module.css';
import { Popover } from './Popover';

export type MenuItem = {
  label: string;
  icon?: ReactNode;
  onSelect: () => void;
  danger?: boolean;
  /** Why it cannot be used. */
  blocked?: string | null;
};

/** The three dots at the end of a row. `label` says whose menu it is. */
export function Menu({ label, items }: { label: string; items: MenuItem[] }) {
  return (
    <Popover
      label={label}
      button={(open) => <Button look="quiet" size="small" icon={<Ellipsis />} aria-label={label} {...open} />}
    >
      {(close) => (
        <ul className={style.menu}>
          {items.map((item) => (
            <li key={item.label}>
              <button
                type="button"
                className={classes(style.item, item.danger && style.danger)}
                aria-disabled={item.blocked ? true : undefined}
                title={item.blocked ?? undefined}
                onClick={() => {
                  if (item.blocked) return;
                  close();
                  item.onSelect();
                }}
              >
                {item.icon}
                {item.label}
              </button>
            </li>
          ))}
        </ul>
      )}
    </Popover>
  );
}
