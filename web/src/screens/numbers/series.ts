/** Turns sums into what charts draw. */

import type { StatsItem } from '../../api/stats';

const HOUR = 3_600_000;

export type Step = 'hour' | 'day';
export type Point = { at: Date; item: StatsItem | null };

export type Time = '24h' | '7d' | '30d' | '90d';

export const TIMES: Record<Time, { hours: number; label: string; words: string; steps: Step[] }> = {
  '24h': { hours: 24, label: '24 h', words: '24 hours', steps: ['hour'] },
  '7d': { hours: 168, label: '7 d', words: '7 days', steps: ['hour', 'day'] },
  '30d': { hours: 720, label: '30 d', words: '30 days', steps: ['day'] },
  '90d': { hours: 2_160, label: '90 d', words: '90 days', steps: ['day'] },
};

export const readTime = (text: string): Time => (text in TIMES ? (text as Time) : '7d');

/** The chosen step if the time has it; a week is drawn by days otherwise. */
export const readStep = (text: string, time: Time): Step =>
  TIMES[time].steps.find((step) => step === text) ?? TIMES[time].steps.at(-1) ?? 'day';

/** When the time that ends with the step of now begins: whole steps in UTC. */
export function beginOf(time: Time, step: Step, now = Date.now()): Date {
  const unit = step === 'day' ? 24 * HOUR : HOUR;
  return new Date(Math.ceil((now + 1) / unit) * unit - TIMES[time].hours * HOUR);
}

/** A point for each step; without an item where nothing ended. */
export function pointsOf(items: StatsItem[], from: Date, time: Time, step: Step): Point[] {
  const unit = step === 'day' ? 24 * HOUR : HOUR;
  const byTime = new Map(items.map((item) => [new Date(item.at).getTime(), item]));
  return Array.from({ length: (TIMES[time].hours * HOUR) / unit }, (_, index) => {
    const at = from.getTime() + index * unit;
    return { at: new Date(at), item: byTime.get(at) ?? null };
  });
}

/** The end of an axis: 1, 2 or 5 times a power of ten, not below the largest value. */
export function axisEnd(largest: number): number {
  if (largest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  const factor = [1, 2, 5, 10].find((one) => one * power >= largest - power * 1e-9) ?? 10;
  return factor * power;
}

/** The path of a line through values; it breaks where there is none. A value alone is a short stroke. */
export function linePath(values: (number | null)[], width: number, height: number, end: number): string {
  const step = width / Math.max(1, values.length);
  const place = (value: number, index: number) =>
    `${((index + 0.5) * step).toFixed(1)} ${(height - (value / end) * height).toFixed(1)}`;
  return values
    .map((value, index) => {
      if (value === null) return '';
      const joins = index > 0 && values[index - 1] != null;
      const alone = !joins && values[index + 1] == null;
      return `${joins ? 'L' : 'M'}${place(value, index)}${alone ? 'h1' : ''}`;
    })
    .join('');
}

const COLUMNS = [
  'at',
  'name',
  'runs',
  'succeeded',
  'failed',
  'cancelled',
  'failure_rate',
  'p50_ms',
  'p95_ms',
  'p99_ms',
  'queued_ms',
  'tokens',
  'tokens_unknown_runs',
  'cost_nano_usd',
  'cost_unknown_runs',
] as const;

/** A cell that no spreadsheet takes for a formula. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvOf(items: StatsItem[]): string {
  const rows = items.map((item) => COLUMNS.map((column) => cell(item[column])).join(','));
  return `${[COLUMNS.join(','), ...rows].join('\r\n')}\r\n`;
}
