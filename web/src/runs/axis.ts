/** The scale of the waterfall. */
import { formatDuration } from '../ui/format';

const MOST_TICKS = 8;
const STEPS = [1, 2, 5];

export type Axis = { total: number; step: number; ticks: { at: number; label: string }[] };

/** At most eight ticks at round times over what the run took, with some room after the last bar. */
export function axis(ms: number): Axis {
  const total = Math.max(1, ms * 1.04);
  let scale = 1;
  for (;;) {
    for (const factor of STEPS) {
      const step = round(scale * factor);
      if (total / step <= MOST_TICKS) return { total, step, ticks: ticks(total, step) };
    }
    scale *= 10;
  }
}

/** Above ten seconds steps are of the clock, not of ten. */
function round(step: number): number {
  const clock = [
    10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 86_400_000,
  ];
  return step <= 10_000 ? step : (clock.find((at) => at >= step) ?? step);
}

function ticks(total: number, step: number) {
  return Array.from({ length: Math.floor(total / step) }, (_, index) => (index + 1) * step)
    .filter((at) => at < total * 0.97)
    .map((at) => ({ at, label: formatDuration(at) }));
}

export const percent = (axis: Axis, ms: number) => `${(Math.max(0, ms) / axis.total) * 100}%`;
