import { useEffect, useState } from 'react';
import { formatDateTime, formatDuration } from '../ui/format';
import style from './Countdown.module.css';

/** How long until a time; counts down by the second in the last hour. */
export function Countdown({ to }: { to: string }) {
  const left = new Date(to).getTime() - useTick(to);
  const soon = left < 3_600_000;
  return (
    <time className={soon ? style.soon : style.left} dateTime={to} title={formatDateTime(to)}>
      {left > 0 ? `expires in ${formatDuration(Math.ceil(left / 1_000) * 1_000)}` : 'has expired'}
    </time>
  );
}

function useTick(to: string): number {
  const [now, setNow] = useState(Date.now);
  const soon = new Date(to).getTime() - now < 3_600_000;
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), soon ? 1_000 : 60_000);
    return () => clearInterval(timer);
  }, [soon]);
  return now;
}
