import { BookOpen, Menu as MenuIcon, Search } from 'lucide-react';
import { Link } from 'wouter';
import { BASE } from '../api/client';
import { Button } from '../ui/Button';
import { Popover } from '../ui/Popover';
import { Logo } from './Logo';
import { openPalette } from './Overlays';
import { PLACES } from './places';
import style from './Shell.module.css';
import { Connection } from './ShellFoot';
import { ThemeChoice } from './ThemeMenu';

/** The bar above the page on a phone: the search, and the places that the lower bar has no room for. */
export function PhoneHead() {
  return (
    <header className={style.phoneHead}>
      <Link href="/workflows" className={style.phoneBrand}>
        <Logo />
        <b>Flowgate</b>
      </Link>
      <Button look="quiet" icon={<Search />} aria-label="Search or jump to" onClick={openPalette} />
      <Popover label="More" button={(open) => <Button look="quiet" icon={<MenuIcon />} aria-label="More" {...open} />}>
        {(close) => (
          <div className={style.phoneMenu}>
            {PLACES.filter((place) => !place.inBar).map(({ path, label, icon: Icon }) => (
              <Link key={path} href={path} className={style.menuPlace} onClick={close}>
                <Icon aria-hidden />
                {label}
              </Link>
            ))}
            <a className={style.menuPlace} href={`${BASE}/openapi.json`} target="_blank" rel="noreferrer">
              <BookOpen aria-hidden />
              API reference
            </a>
            <ThemeChoice />
            <Connection />
          </div>
        )}
      </Popover>
    </header>
  );
}
