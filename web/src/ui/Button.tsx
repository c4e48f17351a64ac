import type { ButtonHTMLAttributes, ReactNode } from 'react';
import style from './Button.module.css';
import { classes } from './classes';

type Props = ButtonHTMLAttributes<HTMLButtonElement> & {
  /** `primary` is the one thing to do on a page, `quiet` has no border. */
  look?: 'primary' | 'normal' | 'quiet' | 'danger';
  size?: 'normal' | 'small';
  icon?: ReactNode;
  /** The key that does the same; shown. */
  shortcut?: string;
  /** Why it cannot be used. The button is then disabled, and says so. */
  blocked?: string | null;
  busy?: boolean;
};

export function Button({
  look = 'normal',
  size = 'normal',
  icon,
  shortcut,
  blocked,
  busy,
  children,
  className,
  ...rest
}: Props) {
  const inert = Boolean(blocked) || busy;
  return (
    <button
      type="button"
      {...rest}
      className={classes(
        style.button,
        style[look],
        size === 'small' && style.small,
        !children && style.bare,
        className,
      )}
      aria-disabled={inert || undefined}
      aria-busy={busy || undefined}
      title={blocked ?? rest.title}
      onClick={inert ? (event) => event.preventDefault() : rest.onClick}
    >
      {icon}
      {children}
      {shortcut && <kbd className={style.shortcut}>{shortcut}</kbd>}
    </button>
  );
}
