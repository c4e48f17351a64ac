/** How far back numbers go, and the bars that this time is drawn in. */

import type { Bar } from '../ui/Sparkline';
import type { StatsItem, StatsStep } from './stats';

export type Range = '24h' | '7d' | '30d';

const HOUR = 3_600_000;

type Span = { hours: number; step: StatsStep; barHours: number; label: string; words: string; bar: string };

export const SPANS: Record<Range, Span> = {
  '24h': { hours: 24, step: 'hour', barHours: 1, label: '24 h', words: '24 hours', bar: 'hour' },
  '7d': { hours: 168, step: 'hour', barHours: 12, label: '7 d', words: '7 days', bar: 'half day' },
  '30d': { hours: 720, step: 'day', barHours: 24, label: '30 d', words: '30 days', bar: 'day' },
};

export const RANGES = (Object.keys(SPANS) as Range[]).map((value) => ({ value, label: SPANS[value].label }));

export const readRange = (text: string | null): Range => (text !== null && text in SPANS ? (text as Range) : '7d');

/** When the range that ends now begins: a whole hour, or for bars of days a midnight in UTC, so that it is stable. */
export function startOf(range: Range, now = Date.now()): Date {
  const { hours, barHours } = SPANS[range];
  const unit = barHours === 24 ? 24 * HOUR : HOUR;
  const end = Math.ceil((now + 1) / unit) * unit;
  return new Date(end - hours * HOUR);
}

/** The bars of a range; a step without runs is an empty one. */
export function barsOf(items: StatsItem[], range: Range, from: Date): Bar[] {
  const { hours, barHours } = SPANS[range];
  const bars = Array.from({ length: hours / barHours }, () => ({ runs: 0, failed: 0 }));
  for (const item of items) {
    const bar = bars[Math.floor((new Date(item.at).getTime() - from.getTime()) / (barHours * HOUR))];
    if (!bar) continue;
    bar.runs += item.runs;
    bar.failed += item.failed;
  }
  return bars;
}

/** A sparkline in words. */
export function describeBars(bars: Bar[], range: Range): string {
  const runs = bars.reduce((sum, bar) => sum + bar.runs, 0);
  const failed = bars.reduce((sum, bar) => sum + bar.failed, 0);
  const most = Math.max(0, ...bars.map((bar) => bar.runs));
  if (!runs) return `No runs in ${SPANS[range].words}`;
  return `${runs} runs in ${SPANS[range].words}, ${failed} failed, at most ${most} per ${SPANS[range].bar}`;
}
