import { useEffect, useState } from 'react';
import { lazily } from '../ui/lazily';
import { useModal } from '../ui/useModal';
import { SignInAgain } from './SignInAgain';
import { useShortcut } from './shortcuts';

const loadPalette = () => import('./Palette');

type Name = 'palette' | 'shortcuts';

const open = (name: Name) => document.dispatchEvent(new Event(`flowgate:${name}`));

export const openPalette = () => open('palette');
export const openShortcutMap = () => open('shortcuts');

const PALETTE_AFTER_MS = 2_000;

/** Holds the page until the overlay has come: a letter that is meant for the palette must not rerun the run behind it. */
const Coming = () => <dialog ref={useModal()} className="visually-hidden" aria-label="Loading" />;

const Palette = lazily(loadPalette, <Coming />);
const ShortcutMap = lazily(() => import('./ShortcutMap'), <Coming />);

/** What can lie over any page: the palette, the map of the keyboard, the sign-in when the key has ended. */
export function Overlays() {
  const [shown, setShown] = useState<Name | null>(null);
  useEffect(() => {
    const ends = (['palette', 'shortcuts'] as const).map((name) => {
      const show = () => setShown(name);
      document.addEventListener(`flowgate:${name}`, show);
      return () => document.removeEventListener(`flowgate:${name}`, show);
    });
    return () => {
      for (const end of ends) end();
    };
  }, []);
  // So that it is there at once: who opens it goes on typing.
  useEffect(() => void setTimeout(() => loadPalette().catch(() => undefined), PALETTE_AFTER_MS), []);
  useShortcut('mod+k', openPalette, { label: 'Search or jump to' });
  useShortcut('?', openShortcutMap, { label: 'All shortcuts' });
  const close = () => setShown(null);
  return (
    <>
      {shown === 'palette' && <Palette onClose={close} />}
      {shown === 'shortcuts' && <ShortcutMap onClose={close} />}
      <SignInAgain />
    </>
  );
}
