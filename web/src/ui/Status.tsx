import { classes } from './classes';
import style from './Status.module.css';

export type State = 'succeeded' | 'failed' | 'running' | 'waiting' | 'pending' | 'cancelled' | 'skipped';

const WORD: Record<State, string> = {
  succeeded: 'Succeeded',
  failed: 'Failed',
  running: 'Running',
  waiting: 'Waiting',
  pending: 'Pending',
  cancelled: 'Cancelled',
  skipped: 'Skipped',
};

const TONE: Record<State, string> = {
  succeeded: 'ok',
  failed: 'bad',
  running: 'live',
  waiting: 'warn',
  pending: 'mute',
  cancelled: 'mute',
  skipped: 'mute',
};

/** The drawing of a state; `label` is what a screen reader says (default: nothing, since a word stands beside it). */
export function StateIcon({ state, label, size = 14 }: { state: State; label?: string; size?: number }) {
  const named = label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true };
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: named by aria-label, or hidden
    <svg
      {...named}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      className={classes(style.icon, style[TONE[state]], state === 'running' && style.turns)}
    >
      {SHAPE[state]}
    </svg>
  );
}

const ring = { stroke: 'currentColor', strokeWidth: 1.75 };
const cut = { stroke: 'var(--surface)', strokeWidth: 1.75, strokeLinecap: 'round', strokeLinejoin: 'round' } as const;

const SHAPE: Record<State, React.ReactNode> = {
  succeeded: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m5 8.2 2.1 2L11 6" {...cut} />
    </>
  ),
  failed: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4" {...cut} />
    </>
  ),
  running: <path d="M8 1.9A6.1 6.1 0 1 0 14.1 8" {...ring} strokeLinecap="round" />,
  waiting: (
    <>
      <circle cx="8" cy="8" r="6.1" {...ring} />
      <path d="M6.4 5.8v4.4m3.2-4.4v4.4" {...ring} strokeLinecap="round" />
    </>
  ),
  pending: <circle cx="8" cy="8" r="6.1" {...ring} strokeDasharray="2.6 2.2" />,
  cancelled: (
    <>
      <circle cx="8" cy="8" r="6.1" {...ring} />
      <path d="m4 12 8-8" {...ring} />
    </>
  ),
  skipped: <path d="m4 4 5.5 4L4 12zM12.2 4v8" {...ring} strokeLinejoin="round" strokeLinecap="round" />,
};

/** A state as icon and word; `soft` puts both on a tinted ground. */
export function Status({ state, word = WORD[state], soft }: { state: State; word?: string; soft?: boolean }) {
  return (
    <span className={classes(style.status, style[TONE[state]], soft && style.soft)}>
      <StateIcon state={state} />
      {word}
    </span>
  );
}
