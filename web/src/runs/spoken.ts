import { formatDuration } from '../ui/format';
import { total } from './pieces';
import type { Row } from './waterfall';

/** What the bar of a row shows, as a sentence. */
export function spoken(row: Row): string {
  const first = row.pieces[0];
  if (!first) return row.state;
  const queue = total(row.pieces, 'queue');
  const paused = total(row.pieces, 'pause');
  const failed = row.pieces.filter(({ look }) => look === 'failed').length;
  const end = row.pieces.at(-1)?.to ?? first.to;
  return [
    `begins after ${formatDuration(first.from)}`,
    `takes ${formatDuration(end - first.from)}`,
    queue > 0 && `${formatDuration(queue)} of it in a queue`,
    paused > 0 && `${formatDuration(paused)} of it paused`,
    failed > 0 && `${failed} failed ${failed === 1 ? 'attempt' : 'attempts'}`,
  ]
    .filter(Boolean)
    .join(', ');
}
