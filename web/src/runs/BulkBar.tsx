import { Download, RotateCw, Square, X } from 'lucide-react';
import type { ReactNode } from 'react';
import style from './BulkBar.module.css';

type Action = { label: string; icon: ReactNode; run: () => void; blocked?: string | null; busy?: boolean };

type Props = {
  count: string;
  about: string;
  /** Chooses all that match. */
  more: { label: string; run: () => void } | null;
  actions: Action[];
  onClear: () => void;
};

/** What is to be done with the chosen rows. */
export function BulkBar({ count, about, more, actions, onClear }: Props) {
  return (
    <section className={style.bar} aria-label="Chosen runs">
      <p>
        <b>{count}</b> <span>{about}</span>
      </p>
      {more && (
        <button type="button" className={style.more} onClick={more.run}>
          {more.label}
        </button>
      )}
      <i aria-hidden />
      {actions.map(({ label, icon, run, blocked, busy }) => (
        <button
          key={label}
          type="button"
          className={style.action}
          aria-disabled={blocked || busy ? true : undefined}
          title={blocked ?? undefined}
          onClick={blocked || busy ? undefined : run}
        >
          {icon}
          {label}
        </button>
      ))}
      <button type="button" className={style.close} aria-label="Choose none" onClick={onClear}>
        <X aria-hidden />
      </button>
    </section>
  );
}

export const BULK_ICONS = {
  replay: <RotateCw aria-hidden />,
  cancel: <Square aria-hidden />,
  download: <Download aria-hidden />,
};
