import { Search } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link, useLocation, useRoute } from 'wouter';
import { classes } from '../ui/classes';
import { Kbd } from '../ui/Kbd';
import { Logo } from './Logo';
import { Overlays, openPalette } from './Overlays';
import { PhoneHead } from './PhoneHead';
import { isAt, PLACES } from './places';
import { ServerBanner } from './ServerBanner';
import style from './Shell.module.css';
import { ShellFoot } from './ShellFoot';
import { APPLE } from './shortcuts';
import { useCounts } from './useCounts';
import { useGlobalShortcuts } from './useGlobalShortcuts';
import { useRouteFocus } from './useRouteFocus';

/** The frame of every page: places on the left (a rail inside a workflow or a run), on a phone a bar above and one below. */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const [inWorkflow] = useRoute('/workflows/:id/:tab?');
  const [inRun] = useRoute('/runs/:id');
  const rail = inWorkflow || inRun;
  useRouteFocus(location);
  useGlobalShortcuts();
  return (
    <div className={classes(style.shell, rail && style.rail)}>
      <button type="button" className={style.skip} onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      {!rail && <PhoneHead />}
      <nav className={style.nav} aria-label="Places">
        <Link href="/workflows" className={style.brand} aria-label="Flowgate">
          <Logo />
          <b>Flowgate</b>
        </Link>
        <button type="button" className={style.search} onClick={openPalette}>
          <Search aria-hidden />
          <span>{APPLE ? 'Search or jump to' : 'Jump to …'}</span>
          <Kbd>{APPLE ? '⌘K' : 'Ctrl K'}</Kbd>
        </button>
        <Places location={location} />
        <ShellFoot />
      </nav>
      <div className={style.content}>
        <ServerBanner />
        <main id="main" className={style.main} tabIndex={-1}>
          {children}
        </main>
      </div>
      <Overlays />
    </div>
  );
}

function Places({ location }: { location: string }) {
  const counts = useCounts();
  return (
    <ul className={style.places}>
      {PLACES.map(({ path, label, icon: Icon, inBar }) => (
        <li key={path} className={inBar ? undefined : style.besides}>
          <Link
            href={path}
            className={style.place}
            aria-current={isAt(location, path) ? 'page' : undefined}
            title={counts[path] ? `${label}: ${counts[path]}` : label}
          >
            <Icon aria-hidden />
            <span>{label}</span>
            {counts[path] && <em>{counts[path]}</em>}
          </Link>
        </li>
      ))}
    </ul>
  );
}
