import { lazy, Suspense, useEffect, useState } from 'react';
import { SignInAgain } from './SignInAgain';
import { useShortcut } from './shortcuts';

const Palette = lazy(() => import('./Palette'));
const ShortcutMap = lazy(() => import('./ShortcutMap'));

type Name = 'palette' | 'shortcuts';

const open = (name: Name) => document.dispatchEvent(new Event(`flowgate:${name}`));

export const openPalette = () => open('palette');
export const openShortcutMap = () => open('shortcuts');

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
  useShortcut('mod+k', openPalette, { label: 'Search or jump to' });
  useShortcut('?', openShortcutMap, { label: 'All shortcuts' });
  const close = () => setShown(null);
  return (
    <>
      <Suspense>
        {shown === 'palette' && <Palette onClose={close} />}
        {shown === 'shortcuts' && <ShortcutMap onClose={close} />}
      </Suspense>
      <SignInAgain />
    </>
  );
}
