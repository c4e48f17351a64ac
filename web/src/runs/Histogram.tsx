import { useQuery } from '@tanstack/react-query';
import { type PointerEvent, useState } from 'react';
import { api, body } from '../api/client';
import { classes } from '../ui/classes';
import { formatDateTime } from '../ui/format';
import type { Span } from './filters';
import style from './Histogram.module.css';
import { type Bar, barAt, brushed, covered, spanTimes, stepMs, toBars } from './histogram';

type Props = {
  span: Span;
  workflowId: string | undefined;
  from: string | undefined;
  to: string | undefined;
  /** Null takes the time off again. */
  onBrush: (range: { from: string; to: string } | null) => void;
};

/** Runs over time, the failed ones red on top; a drag over them selects a time. The filter "Time" does the same by keyboard. */
export function Histogram({ span, workflowId, from, to, onBrush }: Props) {
  const stats = useStats(span, workflowId);
  const bars = toBars(stats.data?.items ?? []);
  const step = stepMs(span);
  const { drag, handlers } = useDrag(bars, ({ start, end }) =>
    onBrush(start === end && (from || to) ? null : brushed(bars, step, start, end)),
  );
  if (stats.isError && !stats.data) return null;
  const range = drag ? brushed(bars, step, drag.start, drag.end) : null;
  const marked = covered(bars, step, range?.from ?? from, range?.to ?? to);
  return (
    <figure className={style.figure} aria-label={summary(bars, span)}>
      <div className={style.bars} aria-hidden {...handlers}>
        <Bars bars={bars} />
        {marked && (
          <span className={style.brush} style={{ left: `${marked.left * 100}%`, width: `${marked.width * 100}%` }} />
        )}
      </div>
      <Axis bars={bars} span={span} />
    </figure>
  );
}

type Drag = { start: number; end: number };

/** A drag from one bar to another. */
function useDrag(bars: Bar[], onDrop: (drag: Drag) => void) {
  const [drag, setDrag] = useState<Drag | null>(null);
  const at = (event: PointerEvent) => {
    const area = event.currentTarget.getBoundingClientRect();
    return barAt(bars, (event.clientX - area.left) / area.width);
  };
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      setDrag({ start: at(event), end: at(event) });
    },
    onPointerMove: (event: PointerEvent) => drag && setDrag({ start: drag.start, end: at(event) }),
    onPointerUp: () => {
      if (!drag) return;
      setDrag(null);
      onDrop(drag);
    },
    onPointerCancel: () => setDrag(null),
  };
  return { drag, handlers };
}

function useStats(span: Span, workflowId: string | undefined) {
  return useQuery({
    queryKey: ['histogram', span.value, workflowId ?? ''],
    queryFn: () =>
      body(
        api.GET('/v1/stats', {
          params: {
            query: { ...spanTimes(span, Date.now()), step: span.step, ...(workflowId ? { workflow: workflowId } : {}) },
          },
        }),
      ),
    refetchInterval: 30_000,
    placeholderData: (before) => before,
  });
}

function Bars({ bars }: { bars: Bar[] }) {
  const most = Math.max(1, ...bars.map(({ runs }) => runs));
  return bars.map((bar) => (
    <span
      key={bar.at}
      className={classes(style.bar, bar.runs === 0 && style.none)}
      title={`${formatDateTime(new Date(bar.at).toISOString())}: ${bar.runs} runs, ${bar.failed} failed`}
    >
      <i className={style.failed} style={{ height: `${(bar.failed / most) * 100}%` }} />
      <i className={style.runs} style={{ height: `${((bar.runs - bar.failed) / most) * 100}%` }} />
    </span>
  ));
}

const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

function Axis({ bars, span }: { bars: Bar[]; span: Span }) {
  const shown = [0, 1, 2, 3, 4].map((part) => bars[Math.floor((part * bars.length) / 5)]);
  const write = span.hours > 24 ? day : hour;
  return (
    <figcaption className={style.axis} aria-hidden>
      {shown.map((bar) => bar && <span key={bar.at}>{write.format(bar.at)}</span>)}
    </figcaption>
  );
}

function summary(bars: Bar[], span: Span): string {
  const runs = bars.reduce((sum, bar) => sum + bar.runs, 0);
  const failed = bars.reduce((sum, bar) => sum + bar.failed, 0);
  return `Runs that ended in the last ${span.label}: ${runs}, ${failed} of them failed`;
}
