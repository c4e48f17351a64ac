import { ChevronDown, ChevronRight } from 'lucide-react';
import { type MouseEvent, memo } from 'react';
import { type Axis, percent } from '../../runs/axis';
import type { Piece } from '../../runs/pieces';
import { spoken } from '../../runs/spoken';
import type { Row } from '../../runs/waterfall';
import { classes } from '../../ui/classes';
import { formatCost } from '../../ui/format';
import { groupOf, KindTile } from '../../ui/KindTile';
import { StateIcon } from '../../ui/Status';
import style from './Timeline.module.css';

type Props = {
  row: Row;
  index: number;
  scale: Axis;
  selected: boolean;
  onSelect: (row: Row) => void;
  onFold: (row: Row) => void;
};

/** A phone shows the rows as blocks, which are no table without these. */
export const ROLES = { table: 'table', body: 'rowgroup', row: 'row', cell: 'cell' };

export const TimelineRow = memo(
  function TimelineRow({ row, index, scale, selected, onSelect, onFold }: Props) {
    return (
      <tr
        role={ROLES.row}
        className={classes(style.row, selected && style.selected, row.state === 'skipped' && style.skipped)}
        aria-rowindex={index + 2}
        onClick={() => onSelect(row)}
      >
        <td role={ROLES.cell} className={style.name}>
          <Name row={row} selected={selected} onSelect={onSelect} onFold={onFold} />
        </td>
        <td role={ROLES.cell} className={style.chart}>
          <Bars row={row} scale={scale} />
          <span className="visually-hidden">{spoken(row)}</span>
        </td>
        <td className={style.figure}>{row.tries}</td>
        <td className={style.figure}>{row.tokens?.toLocaleString('en-US')}</td>
        <td className={style.figure}>{row.costNanoUsd === null ? '' : formatCost(row.costNanoUsd)}</td>
      </tr>
    );
  },
  // While a run goes on the rows are new objects ten times a second; most of them say the same.
  (before, after) =>
    before.selected === after.selected &&
    before.index === after.index &&
    before.scale.total === after.scale.total &&
    before.onSelect === after.onSelect &&
    JSON.stringify(before.row) === JSON.stringify(after.row),
);

function Name({ row, selected, onSelect, onFold }: Pick<Props, 'row' | 'selected' | 'onSelect' | 'onFold'>) {
  // A click in the row selects it, too.
  const alone = (act: (row: Row) => void) => (event: MouseEvent) => {
    event.stopPropagation();
    act(row);
  };
  return (
    <span className={style.label} style={{ paddingLeft: row.depth * 18 }}>
      {row.fold ? <Fold row={row} onClick={alone(onFold)} /> : <i className={style.fold} />}
      <KindTile kind={row.kind} size={20} />
      <button
        type="button"
        data-name
        className={style.node}
        title={row.path}
        aria-current={selected || undefined}
        onClick={alone(onSelect)}
      >
        {row.label}
      </button>
      <span className={style.phoneNote}>{row.note}</span>
      <StateIcon state={row.state} label={row.state} />
    </span>
  );
}

function Fold({ row, onClick }: { row: Row; onClick: (event: MouseEvent) => void }) {
  const Icon = row.fold === 'open' ? ChevronDown : ChevronRight;
  return (
    <button
      type="button"
      className={style.fold}
      aria-expanded={row.fold === 'open'}
      aria-label={`What is inside ${row.label}`}
      onClick={onClick}
    >
      <Icon aria-hidden />
    </button>
  );
}

function Bars({ row, scale }: { row: Row; scale: Axis }) {
  const step = `${(scale.step / scale.total) * 100}%`;
  return (
    <span className={style.lines} style={{ backgroundSize: `${step} 100%` }} aria-hidden>
      {row.pieces.map((piece, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: pieces are in the order of time and never move
        <Bar key={place} piece={piece} scale={scale} kind={row.kind} />
      ))}
      <Note row={row} scale={scale} />
    </span>
  );
}

function Bar({ piece, scale, kind }: { piece: Piece; scale: Axis; kind: string }) {
  const look = piece.look === 'work' || piece.look === 'live' ? style[groupOf(kind)] : undefined;
  return (
    <i
      className={classes(style.piece, style[piece.look], look)}
      style={{ left: percent(scale, piece.from), width: percent(scale, piece.to - piece.from) }}
    />
  );
}

/** Beside the last piece; before the first one where there is no room after it, and over the bar where there is none at all. */
function Note({ row, scale }: { row: Row; scale: Axis }) {
  const [first, last] = [row.pieces[0], row.pieces.at(-1)];
  if (!first || !last || !row.note) return null;
  const late = last.to / scale.total > 0.72;
  const before = late && first.from / scale.total > 0.2;
  const over = late && !before;
  const place = over
    ? { right: '6px' }
    : before
      ? { right: `calc(100% - ${percent(scale, first.from)} + 6px)` }
      : { left: `calc(${percent(scale, last.to)} + 6px)` };
  return (
    <span className={classes(style.note, over && style.over, row.state === 'failed' && style.failedNote)} style={place}>
      {row.note}
    </span>
  );
}
