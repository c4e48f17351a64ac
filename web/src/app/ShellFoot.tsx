import { useQuery } from '@tanstack/react-query';
import { BookOpen } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { api, BASE, body } from '../api/client';
import { server } from '../api/server';
import { session } from '../api/session';
import { classes } from '../ui/classes';
import style from './Shell.module.css';
import { ThemeMenu } from './ThemeMenu';
import { useOwnKey } from './useSession';

/** The lower end of the sidebar: reference, theme, connection, whose key it is. */
export function ShellFoot() {
  return (
    <div className={style.foot}>
      <a className={style.place} href={`${BASE}/openapi.json`} target="_blank" rel="noreferrer" title="API reference">
        <BookOpen aria-hidden />
        <span>API reference</span>
      </a>
      <ThemeMenu />
      <Connection />
    </div>
  );
}

/** Whether the server answers, its version, and the key in use. */
export function Connection() {
  const own = useOwnKey();
  const health = useQuery({ queryKey: ['health'], queryFn: () => body(api.GET('/health')), staleTime: 60_000 });
  const { away } = useSyncExternalStore(server.subscribe, server.state);
  return (
    <div className={style.state}>
      <p>
        <i className={classes(style.dot, away && style.away)} />
        {away ? 'No connection' : `Connected${health.data ? ` · ${health.data.version}` : ''}`}
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
  );
}
