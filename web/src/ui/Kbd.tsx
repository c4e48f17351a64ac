import style from './Kbd.module.css';

/** A key of the keyboard. */
export const Kbd = ({ children }: { children: string }) => <kbd className={style.kbd}>{children}</kbd>;

/** The name of the modifier: ⌘ on Apple's machines, Ctrl elsewhere. */
export const MOD = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl ';
