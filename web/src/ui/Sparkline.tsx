import style from './Sparkline.module.css';

export type Bar = { runs: number; failed: number };

type Props = { bars: Bar[]; label: string; width?: number; height?: number };

/** Bars of runs over time, the failed ones red on top. */
export function Sparkline({ bars, label, width = 104, height = 22 }: Props) {
  const most = Math.max(1, ...bars.map((bar) => bar.runs));
  const step = width / Math.max(1, bars.length);
  const tall = (count: number) => (count ? Math.max(1.5, (count / most) * height) : 0);
  return (
    <svg role="img" aria-label={label} width={width} height={height} className={style.sparkline}>
      {bars.map((bar, index) => (
        // The place of a bar is its time.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <g key={index} transform={`translate(${index * step} 0)`}>
          <rect
            className={style.runs}
            y={height - (tall(bar.runs) || 1)}
            width={step - 1.5}
            height={tall(bar.runs) || 1}
            rx="1"
          />
          {bar.failed > 0 && (
            <rect
              className={style.failed}
              y={height - tall(bar.runs)}
              width={step - 1.5}
              height={tall(bar.failed)}
              rx="1"
            />
          )}
        </g>
      ))}
    </svg>
  );
}
