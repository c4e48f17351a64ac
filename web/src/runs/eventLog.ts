/** The lines of the event log: chunks of a node that follow each other are one line. */
import type { RunEvent } from '../api/events';
import { formatDuration } from '../ui/format';
import type { State } from '../ui/Status';

export type Line = {
  key: number;
  event: string;
  node: string;
  text: string;
  /** Milliseconds since the run was created; null if the event does not say. */
  at: number | null;
  state: State | null;
  chunks: number;
};

/** Adds the lines of new events. The last line is replaced if chunks go on in it, all others stay the same objects. */
export function addLines(lines: Line[], events: RunEvent[], origin: number): Line[] {
  const next = lines.slice();
  for (const event of events) {
    const line = toLine(event, next.length, origin);
    const last = next.at(-1);
    if (line.event === 'chunk' && last?.event === 'chunk' && last.node === line.node) {
      next[next.length - 1] = { ...last, text: last.text + line.text, chunks: last.chunks + 1 };
    } else {
      next.push(line);
    }
  }
  return next;
}

type Data = Record<string, string | number | undefined> & { error?: { code: string; message: string } | null };

function toLine({ event, data: raw }: RunEvent, key: number, origin: number): Line {
  const data = raw as Data;
  const time = (data.at ?? (event === 'run.finished' ? data.ended_at : undefined)) as string | undefined;
  return {
    key,
    event,
    node: event.startsWith('run.') ? 'run' : String(data.node ?? ''),
    text: textOf(event, data),
    at: time ? new Date(time).getTime() - origin : null,
    state: stateOf(event, data),
    chunks: event === 'chunk' ? 1 : 0,
  };
}

function textOf(event: string, data: Data): string {
  if (event === 'chunk') return String(data.text ?? '');
  if (event === 'node.started') return String(data.kind ?? '');
  if (event === 'node.attempt') return `${data.call ? `${data.call}, ` : ''}attempt ${data.attempt}`;
  if (event === 'node.reset') return 'its text so far is discarded';
  if (!event.endsWith('.finished')) return '';
  if (data.error) return `${data.error.code}: ${data.error.message}`;
  const took = typeof data.duration_ms === 'number' ? ` in ${formatDuration(data.duration_ms)}` : '';
  return `${data.status ?? ''}${took}`;
}

function stateOf(event: string, data: Data): State | null {
  if (event === 'node.started' || event === 'run.started') return 'running';
  if (event.endsWith('.finished')) return (data.status as State | undefined) ?? null;
  return event === 'node.attempt' && Number(data.attempt) > 1 ? 'failed' : null;
}

/** Where the lines are that have a text in node, event or text; any case. */
export function findLines(lines: Line[], text: string): number[] {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  return lines.flatMap((line, index) =>
    `${line.event} ${line.node} ${line.text}`.toLowerCase().includes(wanted) ? [index] : [],
  );
}
