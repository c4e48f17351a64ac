/** Runs by the hour or day in which they ended, and the time that a brush over them covers. */
import type { Schemas } from '../api/client';
import type { Span } from './filters';

export type Bar = { at: number; runs: number; failed: number };

const HOUR = 3_600_000;
export const stepMs = (span: Span) => (span.step === 'hour' ? HOUR : 24 * HOUR);

/** The time that the histogram covers: whole hours, the one that runs included. */
export function spanTimes(span: Span, now: number): { from: string; to: string } {
  const to = Math.ceil((now + 1) / HOUR) * HOUR;
  return { from: new Date(to - span.hours * HOUR).toISOString(), to: new Date(to).toISOString() };
}

export function toBars(items: Schemas['StatsItem'][]): Bar[] {
  return items.map(({ at, runs, failed }) => ({ at: new Date(at).getTime(), runs, failed }));
}

/** The bars between two places on the brush, in either direction. */
export function brushed(bars: Bar[], step: number, a: number, b: number): { from: string; to: string } | null {
  const first = bars[Math.max(0, Math.min(a, b))];
  const last = bars[Math.min(bars.length - 1, Math.max(a, b))];
  if (!first || !last) return null;
  return { from: new Date(first.at).toISOString(), to: new Date(last.at + step).toISOString() };
}

/** Which bars a time covers, as shares of the width; null if it covers none of them. */
export function covered(bars: Bar[], step: number, from: string | undefined, to: string | undefined) {
  const [first, last] = [bars[0], bars.at(-1)];
  if (!first || !last || (!from && !to)) return null;
  const [start, end] = [first.at, last.at + step];
  const left = Math.max(start, from ? new Date(from).getTime() : start);
  const right = Math.min(end, to ? new Date(to).getTime() : end);
  return right > left ? { left: (left - start) / (end - start), width: (right - left) / (end - start) } : null;
}

/** The bar that a place between 0 and 1 is on. */
export const barAt = (bars: Bar[], share: number) =>
  Math.max(0, Math.min(bars.length - 1, Math.floor(share * bars.length)));
