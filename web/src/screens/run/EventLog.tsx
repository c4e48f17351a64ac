import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import { ArrowDownToLine, ChevronDown, ChevronUp, Search as SearchIcon } from 'lucide-react';
import { memo, type RefObject, useEffect, useMemo, useRef, useState, type WheelEvent } from 'react';
import { findLines, type Line } from '../../runs/eventLog';
import { Button } from '../../ui/Button';
import { classes } from '../../ui/classes';
import { Empty } from '../../ui/Empty';
import { Input } from '../../ui/Field';
import { Segment } from '../../ui/Segment';
import { StateIcon } from '../../ui/Status';
import style from './EventLog.module.css';
import type { RunEvents } from './useRunEvents';

const LINE_HEIGHT = 26;

type Which = 'all' | 'without';
const WHICH: { value: Which; label: string }[] = [
  { value: 'all', label: 'All' },
  { value: 'without', label: 'Without chunks' },
];

/** All events of the run, with a search whose hits are marked beside the scrollbar. */
export function EventLog({ events, height }: { events: RunEvents; height: number }) {
  const [which, setWhich] = useState<Which>('all');
  const lines = useMemo(
    () => (which === 'all' ? events.lines : events.lines.filter(({ event }) => event !== 'chunk')),
    [events.lines, which],
  );
  const search = useSearch(lines);
  const choose = (next: Which) => {
    setWhich(next);
    search.toFirst();
  };
  return (
    <section className={style.card} aria-label="Events">
      <header className={style.head}>
        <h2>Events</h2>
        <span className={style.count}>{events.count.toLocaleString('en-US')}</span>
        {events.stream === 'reconnecting' && <span className={style.count}>connecting again</span>}
        <SearchField search={search} />
        <Segment label="Which events" value={which} onChange={choose} options={WHICH} />
      </header>
      {lines.length ? (
        <EventLines
          lines={lines}
          hits={search.hits}
          at={search.hits[search.at] ?? null}
          height={height}
          follow={events.stream !== 'ended'}
        />
      ) : (
        <Nothing stream={events.stream} />
      )}
    </section>
  );
}

const WHY_NOTHING: Record<RunEvents['stream'], string> = {
  live: 'They will be here as they come.',
  reconnecting: 'The connection was lost. They come when it is back.',
  refused: 'The server does not give them to this key.',
  ended: 'A run that ended while its caller waited has none.',
};
const Nothing = ({ stream }: Pick<RunEvents, 'stream'>) => <Empty title="No events">{WHY_NOTHING[stream]}</Empty>;

type Search = ReturnType<typeof useSearch>;

/** The lines that have a text, and which of them is shown. */
function useSearch(lines: Line[]) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const hits = useMemo(() => findLines(lines, text), [lines, text]);
  const toFirst = () => setAt(0);
  const find = (wanted: string) => {
    setText(wanted);
    toFirst();
  };
  const step = (by: number) => hits.length && setAt((now) => (now + by + hits.length) % hits.length);
  return { text, find, hits, at, step, toFirst };
}

function SearchField({ search: { text, find, hits, at, step } }: { search: Search }) {
  return (
    <>
      <span className={style.search}>
        <Input
          role="searchbox"
          icon={<SearchIcon aria-hidden />}
          aria-label="Search events"
          placeholder="Search"
          value={text}
          onChange={(event) => find(event.target.value)}
          onKeyDown={(event) => event.key === 'Enter' && step(event.shiftKey ? -1 : 1)}
        />
        {text && (
          <span className={style.hits} role="status">
            {hits.length ? `${at + 1} of ${hits.length}` : 'none'}
          </span>
        )}
      </span>
      {text && (
        <>
          <Button size="small" look="quiet" icon={<ChevronUp />} aria-label="Hit before" onClick={() => step(-1)} />
          <Button size="small" look="quiet" icon={<ChevronDown />} aria-label="Next hit" onClick={() => step(1)} />
        </>
      )}
    </>
  );
}

type LinesProps = {
  lines: Line[];
  hits: number[];
  at: number | null;
  height: number;
  /** New lines come into view, until the user scrolls away from the end. */
  follow: boolean;
};

/** A list of lines of which only those in view are drawn. */
export function EventLines({ lines, hits, at, height, follow }: LinesProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 20,
  });
  const { scrolling, isAway, toEnd } = useFollowing(list, scroller, follow && at === null);
  const marked = useMemo(() => new Set(hits), [hits]);
  useEffect(() => {
    if (at !== null) list.scrollToIndex(at, { align: 'center' });
  }, [at, list]);
  return (
    <div className={style.box}>
      <div
        ref={scroller}
        className={style.scroller}
        style={{ height: Math.min(height, lines.length * LINE_HEIGHT) }}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        role="log"
        {...scrolling}
        aria-label="Event lines"
        aria-live="off"
      >
        <div className={style.lines} style={{ height: list.getTotalSize() }}>
          {list.getVirtualItems().map(({ index, start }) => {
            const line = lines[index];
            return (
              line && <EventLine key={line.key} line={line} top={start} hit={marked.has(index)} here={index === at} />
            );
          })}
        </div>
      </div>
      <Marks hits={hits} count={lines.length} />
      {isAway && <ToEnd onClick={toEnd} />}
    </div>
  );
}

const ToEnd = ({ onClick }: { onClick: () => void }) => (
  <span className={style.toEnd}>
    <Button size="small" icon={<ArrowDownToLine />} onClick={onClick}>
      To the end
    </Button>
  </span>
);

/** Keeps the end in view while lines come, until the wheel leaves it; back at the end it goes on. */
function useFollowing(
  list: Virtualizer<HTMLDivElement, Element>,
  scroller: RefObject<HTMLElement | null>,
  isWanted: boolean,
) {
  const atEnd = useRef(true);
  const [isAway, setAway] = useState(false);
  const { count } = list.options;
  useEffect(() => {
    if (isWanted && atEnd.current && count) list.scrollToIndex(count - 1);
    else setAway(!isAtEnd(scroller.current));
  }, [isWanted, count, list, scroller]);
  const scrolling = {
    onWheel: (event: WheelEvent) => {
      atEnd.current = event.deltaY > 0 && isAtEnd(scroller.current);
    },
    onScroll: () => {
      atEnd.current ||= isAtEnd(scroller.current);
      setAway(!isAtEnd(scroller.current));
    },
  };
  return { scrolling, isAway, toEnd: () => list.scrollToIndex(count - 1) };
}

const isAtEnd = (box: HTMLElement | null) =>
  box !== null && box.scrollHeight - box.scrollTop - box.clientHeight < LINE_HEIGHT;

const EventLine = memo(function EventLine({
  line,
  top,
  hit,
  here,
}: {
  line: Line;
  top: number;
  hit: boolean;
  here: boolean;
}) {
  return (
    <div
      className={classes(style.line, hit && style.hit, here && style.here)}
      style={{ transform: `translateY(${top}px)` }}
    >
      <span className={style.at}>{line.at === null ? '' : (line.at / 1_000).toFixed(3)}</span>
      <span className={style.icon}>{line.state && <StateIcon state={line.state} size={12} label={line.state} />}</span>
      <span>{line.chunks > 1 ? `chunk ×${line.chunks}` : line.event}</span>
      <b title={line.node}>{line.node}</b>
      <span className={style.text} title={line.text.length > 40 ? line.text.slice(0, 500) : undefined}>
        {line.text.slice(-300)}
      </span>
    </div>
  );
});

/** Where the hits are in the whole list; hits of the same place are one mark. */
function Marks({ hits, count }: { hits: number[]; count: number }) {
  const places = useMemo(
    () => [...new Set(hits.map((index) => Math.round((index / Math.max(1, count)) * 200)))],
    [hits, count],
  );
  return (
    <span className={style.marks} aria-hidden>
      {places.map((place) => (
        <i key={place} style={{ top: `${place / 2}%` }} />
      ))}
    </span>
  );
}
