import { useEffect, useState } from 'react';
import { followRun, type RunEvent } from '../../api/events';
import { addLines, type Line } from '../../runs/eventLog';
import { addEvents, emptyLive, type Live } from '../../runs/liveTrace';

export type RunEvents = {
  live: Live;
  lines: Line[];
  count: number;
  stream: 'live' | 'reconnecting' | 'ended' | 'refused';
};

const nothing = (): RunEvents => ({ live: emptyLive(), lines: [], count: 0, stream: 'live' });

/** Follows the events of a run. What comes between two frames is taken in together, so that there is one paint a frame. */
export function useRunEvents(id: string, createdAt: string | undefined): RunEvents {
  const [events, setEvents] = useState(nothing);
  useEffect(() => {
    if (!createdAt) return;
    const origin = new Date(createdAt).getTime();
    const stop = new AbortController();
    let waiting: RunEvent[] = [];
    let frame = 0;
    setEvents(nothing());
    const take = () => {
      const batch = waiting;
      waiting = [];
      frame = 0;
      setEvents((now) => ({
        ...now,
        live: addEvents(now.live, batch),
        lines: addLines(now.lines, batch, origin),
        count: now.count + batch.length,
      }));
    };
    const say = (stream: RunEvents['stream']) => setEvents((now) => ({ ...now, stream }));
    (async () => {
      try {
        for await (const event of followRun(id, stop.signal, say)) {
          waiting.push(event);
          frame ||= requestAnimationFrame(take);
        }
        if (!stop.signal.aborted) say('ended');
      } catch {
        say('refused');
      }
    })();
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
    };
  }, [id, createdAt]);
  return events;
}
