import { CloudOff, Timer } from 'lucide-react';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { api } from '../api/client';
import { server } from '../api/server';
import { Button } from '../ui/Button';
import { announce } from './announce';
import style from './ServerBanner.module.css';
import { useSecondsUntil } from './useSecondsUntil';

/** Says over every page that the server is away, or that the key's rate is used up. */
export function ServerBanner() {
  const { away, busyUntil } = useSyncExternalStore(server.subscribe, server.state);
  if (away) return <Away />;
  if (busyUntil !== null) return <Busy until={busyUntil} />;
  return null;
}

const FIRST_S = 2;
const LONGEST_S = 30;

function Away() {
  const wait = useRef(FIRST_S);
  const [next, setNext] = useState(() => Date.now() + FIRST_S * 1_000);
  const [busy, setBusy] = useState(false);
  const seconds = useSecondsUntil(next);
  const retry = async () => {
    setBusy(true);
    // An answer of any kind takes this banner away.
    await api.GET('/health').catch(() => {});
    if (!server.state().away) return;
    wait.current = Math.min(LONGEST_S, wait.current * 2);
    setNext(Date.now() + wait.current * 1_000);
    setBusy(false);
  };
  const latest = useRef(retry);
  latest.current = retry;
  useEffect(() => announce('The server does not answer.'), []);
  useEffect(() => {
    if (seconds === 0) latest.current();
  }, [seconds]);
  return (
    <div className={style.banner}>
      <CloudOff aria-hidden />
      <p>
        <b>The server does not answer.</b> {seconds ? `Trying again in ${seconds} s.` : 'Trying again …'}
      </p>
      <Button size="small" onClick={retry} busy={busy}>
        Try now
      </Button>
    </div>
  );
}

function Busy({ until }: { until: number }) {
  const seconds = useSecondsUntil(until);
  useEffect(() => {
    if (seconds === 0) server.isFree();
  }, [seconds]);
  return (
    <div className={style.banner} role="status">
      <Timer aria-hidden />
      <p>
        <b>The key has reached its limit.</b> Nothing was started. It may start runs again in {seconds} s.
      </p>
    </div>
  );
}
