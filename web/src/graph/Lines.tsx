import { ViewportPortal } from '@xyflow/react';
import { memo } from 'react';
import { classes } from '../ui/classes';
import style from './Lines.module.css';
import type { Line } from './lines';

/** The lines of a drawing. They lie above the nodes, and let the pointer through. */
export const Lines = memo(function Lines({ lines }: { lines: Line[] }) {
  return (
    <ViewportPortal>
      <div className={style.layer}>
        <svg className={style.lines} width={1} height={1} aria-hidden="true">
          {lines.map((line) => (
            <g key={line.id} className={style[line.tone]}>
              <path d={line.path} className={style.line} />
              <path d={arrow(line)} className={style.arrow} />
            </g>
          ))}
        </svg>
        {lines.map(
          (line) =>
            line.label && (
              <span
                key={line.id}
                className={classes(style.label, style[`${line.tone}Label`])}
                style={{ transform: `translate(${line.labelAt.x}px, ${line.labelAt.y}px) translate(-50%, -50%)` }}
              >
                {line.label}
              </span>
            ),
        )}
      </div>
    </ViewportPortal>
  );
});

const arrow = ({ end }: Line) => `M${end.x - 5} ${end.y - 7}h10L${end.x} ${end.y}z`;
