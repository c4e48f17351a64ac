import { useQuery } from '@tanstack/react-query';
import {
  BookOpen,
  ChartNoAxesColumn,
  KeyRound,
  ListTree,
  Lock,
  Moon,
  Search,
  Send,
  Sun,
  UserCheck,
  Workflow,
} from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { Link, useLocation, useRoute } from 'wouter';
import { api, BASE, body } from '../api/client';
import { session } from '../api/session';
import { classes } from '../ui/classes';
import { Kbd, MOD } from '../ui/Kbd';
import { Logo } from './Logo';
import style from './Shell.module.css';
import { applyTheme } from './theme';
import { useOwnKey } from './useSession';

const PLACES = [
  { path: '/workflows', label: 'Workflows', icon: Workflow },
  { path: '/runs', label: 'Runs', icon: ListTree },
  { path: '/approvals', label: 'Approvals', icon: UserCheck },
  { path: '/deliveries', label: 'Deliveries', icon: Send },
  { path: '/numbers', label: 'Numbers', icon: ChartNoAxesColumn },
  { path: '/keys', label: 'Keys', icon: KeyRound },
  { path: '/secrets', label: 'Secrets', icon: Lock },
];

/** The frame of every page: places on the left (a rail inside a workflow or a run, a bar below on a phone). */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const [inWorkflow] = useRoute('/workflows/:id/:tab?');
  const [inRun] = useRoute('/runs/:id');
  const rail = inWorkflow || inRun;
  return (
    <div className={classes(style.shell, rail && style.rail)}>
      <a className={style.skip} href="#main">
        Skip to the content
      </a>
      <nav className={style.nav} aria-label="Places">
        <Link href="/workflows" className={style.brand} aria-label="Flowgate">
          <Logo />
          <b>Flowgate</b>
        </Link>
        <button
          type="button"
          className={style.search}
          aria-label="Search or jump to"
          onClick={() => document.dispatchEvent(new Event('flowgate:palette'))}
        >
          <Search aria-hidden />
          <span>Search or jump to</span>
          <Kbd>{`${MOD}K`}</Kbd>
        </button>
        <ul className={style.places}>
          {PLACES.map(({ path, label, icon: Icon }) => (
            <li key={path}>
              <Link
                href={path}
                className={style.place}
                aria-current={location === path || location.startsWith(`${path}/`) ? 'page' : undefined}
                title={label}
              >
                <Icon aria-hidden />
                <span>{label}</span>
              </Link>
            </li>
          ))}
        </ul>
        <Foot />
      </nav>
      <main id="main" className={style.main} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function Foot() {
  const own = useOwnKey();
  const health = useQuery({ queryKey: ['health'], queryFn: () => body(api.GET('/health')), refetchInterval: 30_000 });
  const [dark, setDark] = useState(() => getComputedStyle(document.documentElement).colorScheme === 'dark');
  const toggle = () => {
    applyTheme(dark ? 'light' : 'dark');
    setDark(!dark);
  };
  return (
    <div className={style.foot}>
      <a className={style.place} href={`${BASE}/openapi.json`} target="_blank" rel="noreferrer" title="API reference">
        <BookOpen aria-hidden />
        <span>API reference</span>
      </a>
      <button type="button" className={style.place} onClick={toggle} title="Theme">
        {dark ? <Sun aria-hidden /> : <Moon aria-hidden />}
        <span>{dark ? 'Light theme' : 'Dark theme'}</span>
      </button>
      <div className={style.state}>
        <p>
          <i className={classes(style.dot, health.isError && style.away)} />
          {health.isError ? 'The server does not answer' : `Connected${health.data ? ` · ${health.data.version}` : ''}`}
        </p>
        <p>
          {own.data && (
            <>
              Key <b>{own.data.name}</b> ·{' '}
            </>
          )}
          <button type="button" onClick={() => session.signOut()}>
            Sign out
          </button>
        </p>
      </div>
    </div>
  );
}
