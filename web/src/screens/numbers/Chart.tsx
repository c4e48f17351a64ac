import { type ReactNode, useRef, useState } from 'react';
import { classes } from '../../ui/classes';
import { useWidth } from '../../ui/useWidth';
import style from './Chart.module.css';
import { axisEnd, linePath, type Point, type Step } from './series';

export type Line = {
  label: string;
  look: 'plain' | 'bad' | 'strong' | 'soft';
  value: (point: Point) => number | null;
};

type Props = {
  title: string;
  points: Point[];
  step: Step;
  lines: Line[];
  /** Bars in front of each other, or lines. */
  as: 'bars' | 'lines';
  write: (value: number) => string;
  /** The sum of it all, in the head. */
  total: ReactNode;
};

const HEIGHT = 120;

/** A chart over time. Pointing at a step tells its values; all of them are in a table below. */
export function Chart({ title, points, step, lines, as, write, total }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [at, setAt] = useState<number | null>(null);
  const largest = Math.max(0, ...points.flatMap((point) => lines.map((line) => line.value(point) ?? 0)));
  const end = axisEnd(largest);
  const pointed = at === null ? null : points[at];
  return (
    <figure className={style.chart} aria-label={title}>
      <figcaption className={style.head}>
        <h2>{title}</h2>
        <p>{pointed ? <Values point={pointed} step={step} lines={lines} write={write} /> : total}</p>
      </figcaption>
      <div ref={box} className={style.plot}>
        <span className={style.end}>{largest > 0 && write(end)}</span>
        <Plot points={points} lines={lines} as={as} width={width} end={end} at={at} onPoint={setAt} />
        <div className={style.times} aria-hidden>
          <span>{points[0] && timeText(points[0].at, step)}</span>
          <span>{timeText(points.at(-1)?.at, step)}</span>
        </div>
      </div>
      <ChartTable points={points} step={step} lines={lines} write={write} />
    </figure>
  );
}

type PlotProps = Pick<Props, 'points' | 'lines' | 'as'> & {
  width: number;
  end: number;
  /** The step that is pointed at. */
  at: number | null;
  onPoint: (at: number | null) => void;
};

function Plot({ points, lines, as, width, end, at, onPoint }: PlotProps) {
  const step = width / points.length;
  const point = (event: React.PointerEvent<SVGSVGElement>) => {
    const { left } = event.currentTarget.getBoundingClientRect();
    onPoint(Math.min(points.length - 1, Math.max(0, Math.floor((event.clientX - left) / step))));
  };
  const Drawn = as === 'bars' ? Bars : Stroke;
  return (
    <svg width={width} height={HEIGHT} aria-hidden="true" onPointerMove={point} onPointerLeave={() => onPoint(null)}>
      {[0, 0.5].map((share) => (
        <path key={share} className={style.grid} d={`M0 ${share * HEIGHT + 0.5}h${width}`} />
      ))}
      {at !== null && <rect className={style.pointed} x={at * step} width={step} height={HEIGHT} />}
      {lines.map((line) => (
        <Drawn key={line.label} line={line} points={points} width={width} end={end} />
      ))}
      <path className={style.axis} d={`M0 ${HEIGHT - 0.5}h${width}`} />
    </svg>
  );
}

function Stroke({ line, points, width, end }: BarsProps) {
  const values = points.map(line.value);
  const step = width / points.length;
  return (
    <g className={style[line.look]}>
      <path className={style.line} d={linePath(values, width, HEIGHT, end)} />
      {step > 8 &&
        values.map(
          (value, index) =>
            value !== null && (
              <circle
                key={points[index]?.at.getTime()}
                cx={(index + 0.5) * step}
                cy={HEIGHT - (value / end) * HEIGHT}
                r="2.5"
              />
            ),
        )}
    </g>
  );
}

type BarsProps = { line: Line; points: Point[]; width: number; end: number };

function Bars({ line, points, width, end }: BarsProps) {
  const step = width / points.length;
  const gap = step > 6 ? 2 : step > 3 ? 1 : 0;
  const wide = Math.max(0.5, Math.min(step - gap, 24));
  return points.map((point, index) => {
    const value = line.value(point);
    if (!value) return null;
    const height = Math.max(1.5, (value / end) * HEIGHT);
    return (
      <rect
        key={point.at.getTime()}
        className={classes(style.bar, style[line.look])}
        x={(index + 0.5) * step - wide / 2}
        y={HEIGHT - height}
        width={wide}
        height={height}
      />
    );
  });
}

const hour = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** Days are those of UTC, hours those of the reader. */
const timeText = (at: Date | undefined, step: Step) => (at ? (step === 'day' ? day : hour).format(at) : '');

type ValuesProps = { step: Step; lines: Line[]; write: (value: number) => string };

function Values({ point, step, lines, write }: ValuesProps & { point: Point }) {
  return (
    <>
      {timeText(point.at, step)}:{' '}
      {lines.map((line, index) => {
        const value = line.value(point);
        return (
          <span key={line.label}>
            {index > 0 && ', '}
            <b>{value === null ? 'none' : write(value)}</b> {line.label}
          </span>
        );
      })}
    </>
  );
}

/** The same as a table, of the steps in which something ran. */
function ChartTable({ points, step, lines, write }: ValuesProps & { points: Point[] }) {
  const ran = points.filter((point) => point.item);
  return (
    <details className={style.table}>
      <summary>As a table</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">{step === 'day' ? 'Day (UTC)' : 'Hour'}</th>
            {lines.map((line) => (
              <th key={line.label} scope="col">
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ran.map((point) => (
            <tr key={point.at.getTime()}>
              <th scope="row">{timeText(point.at, step)}</th>
              {lines.map((line) => {
                const value = line.value(point);
                return <td key={line.label}>{value === null ? 'none' : write(value)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
