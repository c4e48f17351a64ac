import { classes } from '../../ui/classes';
import type { Group } from '../../ui/KindTile';
import style from './Sketch.module.css';

const WIDTH = 40;
const HEIGHT = 12;
const ACROSS = 8;
const DOWN = 10;

/** A graph in little: nodes as boxes in the colour of their kind. */
export function Sketch({ rows }: { rows: Group[][] }) {
  const widest = Math.max(...rows.map((row) => row.length));
  const width = widest * (WIDTH + ACROSS);
  const height = rows.length * (HEIGHT + DOWN) - DOWN;
  const nodes = rows.flatMap((row, y) =>
    row.map((group, x) => ({
      group,
      y: y * (HEIGHT + DOWN),
      x: (width - row.length * (WIDTH + ACROSS) + ACROSS) / 2 + x * (WIDTH + ACROSS),
      key: `${x} ${y}`,
      row: y,
      column: x,
    })),
  );
  return (
    <div className={style.ground}>
      <svg width={width} height={height} aria-hidden="true">
        {nodes.flatMap((from) =>
          nodes
            .filter((to) => joins(from, to, rows))
            .map((to) => (
              <path
                key={`${from.key} ${to.key}`}
                className={style.edge}
                d={`M${from.x + WIDTH / 2} ${from.y + HEIGHT}v${DOWN / 2}H${to.x + WIDTH / 2}V${to.y}`}
              />
            )),
        )}
        {nodes.map(({ x, y, key, group }) => (
          <g key={key} transform={`translate(${x} ${y})`}>
            <rect className={style.node} x="0.5" y="0.5" width={WIDTH - 1} height={HEIGHT - 1} rx="3" />
            <rect className={classes(style.tile, style[group])} x="3" y="3" width="6" height="6" rx="1.5" />
            <rect className={style.text} x="12" y="5" width="20" height="2" rx="1" />
          </g>
        ))}
      </svg>
    </div>
  );
}

type Node = { row: number; column: number };

/** Rows of the same length are joined one to one, others all to all. */
function joins(from: Node, to: Node, rows: Group[][]): boolean {
  if (to.row !== from.row + 1) return false;
  return rows[from.row]?.length !== rows[to.row]?.length || from.column === to.column;
}
