import { type ReactNode, useEffect, useState } from 'react';
import { Link } from 'wouter';
import { nameIn, starter, useKeyNames } from '../../runs/names';
import { runClock, timeSpent } from '../../runs/pieces';
import { formatCost, formatCount, formatDuration, shortId } from '../../ui/format';
import style from './RunFigures.module.css';
import type { RunData } from './useRunData';

const MAIN = ['Total', 'Queue', 'Tokens', 'Cost'];

type Figure = [label: string, value: ReactNode, note?: ReactNode];

/** What the run came to. What is not known has no figure. A phone has room for the main ones, and the others elsewhere. */
export function RunFigures({ data: { run, nodes, over }, part }: { data: RunData; part?: 'main' | 'more' }) {
  const keys = useKeyNames();
  const clock = runClock(run, useNow(!over));
  const { work, paused } = timeSpent(nodes, clock);
  const total = clock.now - clock.origin;
  const queued = run.queued_ms ?? null;
  const by = starter(run, (id) => nameIn(keys, id) ?? shortId(id));
  const figures: (Figure | null)[] = [
    ['Total', formatDuration(total)],
    queued === null ? null : ['Queue', formatDuration(queued), share(queued, total)],
    work ? ['Work', formatDuration(work)] : null,
    paused ? ['Paused for retries', formatDuration(paused)] : null,
    over ? ['Tokens', formatCount(run.usage.tokens)] : null,
    over ? ['Cost', formatCost(run.usage.cost_nano_usd)] : null,
    ['Version', <code key="version">{run.version}</code>],
    by || run.mode
      ? ['Started by', by ?? '', by && run.mode && by !== run.mode ? `· ${run.mode}` : by ? undefined : run.mode]
      : null,
    run.user ? ['User', run.user] : null,
    run.origin ? ['Repeats', <RunLink key="origin" id={run.origin} />] : null,
  ];
  const shown = figures.filter((figure) => !part || (MAIN.includes(figure?.[0] ?? '') ? 'main' : 'more') === part);
  return (
    <dl className={style.figures}>
      {shown.map(
        (figure) =>
          figure && (
            <div key={figure[0]}>
              <dt>{figure[0]}</dt>
              <dd>
                <b>{figure[1]}</b> {figure[2]}
              </dd>
            </div>
          ),
      )}
    </dl>
  );
}

const RunLink = ({ id }: { id: string }) => (
  <Link href={`/runs/${id}`} className="mono" title={id}>
    {shortId(id)}
  </Link>
);

const share = (part: number, whole: number) => {
  const percent = whole ? Math.round((part / whole) * 100) : 0;
  return percent >= 1 ? `${percent} %` : undefined;
};

/** The time, ten times a second while it is asked for. */
export function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}
