/** How times, durations, money and sizes are written. */

const dateTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

export const formatDateTime = (time: string) => dateTime.format(new Date(time));
export const formatClock = (time: string) => clock.format(new Date(time));
export const formatDate = (time: string) => dayMonth.format(new Date(time));

export function formatDuration(ms: number): string {
  if (ms < 1) return '0 ms';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1).replace(/\.?0+$/, '')} s`;
  const [seconds, minutes, hours] = [1_000, 60_000, 3_600_000].map((unit) => Math.round(ms / unit)) as [
    number,
    number,
    number,
  ];
  if (seconds < 3_600) return inUnits(seconds, 60, ['min', 's']);
  if (minutes < 1_440) return inUnits(minutes, 60, ['h', 'min']);
  return inUnits(hours, 24, ['d', 'h']);
}

/** `2 min 5 s`; `2 min` where there is no rest. */
function inUnits(count: number, size: number, [large, small]: [string, string]): string {
  const rest = count % size;
  return `${Math.floor(count / size)} ${large}${rest ? ` ${rest} ${small}` : ''}`;
}

/** "14 s ago", "in 6 d", "now". */
export function formatAgo(time: string, now = Date.now()): string {
  const distance = now - new Date(time).getTime();
  const seconds = Math.round(Math.abs(distance) / 1_000);
  if (seconds < 3) return 'now';
  const [unit, size] = (
    [
      ['d', 86_400],
      ['h', 3_600],
      ['min', 60],
      ['s', 1],
    ] as const
  ).find(([, size]) => seconds >= size) ?? ['s', 1];
  const amount = `${Math.floor(seconds / size)} ${unit}`;
  return distance > 0 ? `${amount} ago` : `in ${amount}`;
}

/** Nano-dollars; small sums keep two digits that say something. */
export function formatCost(nanoUsd: number | null | undefined): string {
  if (nanoUsd === null || nanoUsd === undefined) return 'unknown';
  const usd = nanoUsd / 1e9;
  if (usd === 0) return '$0';
  if (usd >= 0.01) return `$${usd.toFixed(usd >= 1 ? 2 : 4)}`;
  return `$${usd.toPrecision(2).replace(/e.*/, '')}`.length > 10
    ? '<$0.000001'
    : `$${Number(usd.toPrecision(2)).toFixed(7).replace(/0+$/, '')}`;
}

export const formatCount = (count: number | null | undefined) =>
  count === null || count === undefined ? 'unknown' : count.toLocaleString('en-US');

/** "1 run", "2 runs". */
export const formatCountOf = (count: number, one: string, many = `${one}s`) =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

export function formatShare(part: number, whole: number): string {
  if (!whole || !part) return '0 %';
  const percent = (part / whole) * 100;
  return percent < 0.1 ? '<0.1 %' : `${percent.toFixed(1)} %`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(1)} KiB`;
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/** `run_01a2…b31e`: enough to tell runs apart; the whole id is in the title and is what is copied. */
export const shortId = (id: string) => (id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id);
