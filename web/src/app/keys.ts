/** How a pressed key is named in a binding: `c`, `?`, `mod+s`, `shift+F8`, `g w` (one after the other). */

export type Press = Pick<KeyboardEvent, 'key' | 'metaKey' | 'ctrlKey' | 'shiftKey' | 'altKey'>;

/** `mod` is ⌘ on Apple's machines and Ctrl elsewhere. */
export function nameOf(press: Press, apple: boolean): string {
  const mod = apple ? press.metaKey : press.ctrlKey;
  const letter = /^[a-z]$/i.test(press.key);
  // A printable sign such as `?` already says whether Shift was held.
  const shift = press.shiftKey && (letter || press.key.length > 1 || mod);
  const key = letter ? press.key.toLowerCase() : press.key;
  return `${mod ? 'mod+' : ''}${press.altKey ? 'alt+' : ''}${shift ? 'shift+' : ''}${key}`;
}

/** Whether a binding is one printable sign (or two in a row): those can be switched off, and never work in text fields. */
export const isSingle = (keys: string) => keys.split(' ').every((key) => key.length === 1 || /^shift\+.$/.test(key));

/** Whether a binding works while a text field has the focus. */
export const worksInText = (keys: string) => keys.startsWith('mod+') || /^(shift\+)?F\d+$/.test(keys);

const SIGNS: Record<string, string> = {
  Enter: '↵',
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
  Escape: 'Esc',
  Delete: 'Del',
};

/** A binding as people read it: `⌘S` or `Ctrl S`, `G W`. */
export function shown(keys: string, apple: boolean): string {
  const one = (key: string) =>
    key
      .split('+')
      .map((part) => {
        if (part === 'mod') return apple ? '⌘' : 'Ctrl ';
        if (part === 'shift') return apple ? '⇧' : 'Shift ';
        if (part === 'alt') return apple ? '⌥' : 'Alt ';
        return SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part);
      })
      .join('');
  return keys.split(' ').map(one).join(' ');
}
