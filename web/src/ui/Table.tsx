import { ArrowDown, ArrowUp } from 'lucide-react';
import type { ReactNode } from 'react';
import { classes } from './classes';
import style from './Table.module.css';

export type Column<Row> = {
  id: string;
  head: ReactNode;
  cell: (row: Row) => ReactNode;
  numeric?: boolean;
  /** Left out below this width: `narrow` shows only where there is room. */
  hideBelow?: 'phone' | 'tablet';
  /** Compares two rows; the column can then be sorted. */
  compare?: (a: Row, b: Row) => number;
  width?: string;
};

export type Sort = { column: string; down: boolean };

type Props<Row> = {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  rowClass?: (row: Row) => string | undefined;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  dense?: boolean;
  /** What stands below a row, over its whole width. */
  after?: (row: Row) => ReactNode;
};

/** A table with a sticky head. */
export function Table<Row>({ label, columns, rows, rowKey, rowClass, sort, onSort, dense, after }: Props<Row>) {
  return (
    <table className={classes(style.table, dense && style.dense)} aria-label={label}>
      <thead>
        <tr>
          {columns.map((column) => (
            <Head key={column.id} column={column} sort={sort} onSort={onSort} />
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const below = after?.(row);
          return [
            <tr key={rowKey(row)} className={classes(rowClass?.(row))} data-row={rowKey(row)}>
              {columns.map((column) => (
                <td key={column.id} className={cellClass(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>,
            below && (
              <tr key={`${rowKey(row)} after`} className={style.after}>
                <td colSpan={columns.length}>{below}</td>
              </tr>
            ),
          ];
        })}
      </tbody>
    </table>
  );
}

type HeadProps<Row> = { column: Column<Row>; sort: Sort | undefined; onSort: ((sort: Sort) => void) | undefined };

function Head<Row>({ column, sort, onSort }: HeadProps<Row>) {
  const isSorted = sort?.column === column.id;
  const Arrow = sort?.down ? ArrowDown : ArrowUp;
  return (
    <th
      scope="col"
      style={column.width ? { width: column.width } : undefined}
      className={cellClass(column)}
      aria-sort={isSorted ? (sort.down ? 'descending' : 'ascending') : undefined}
    >
      {column.compare && onSort ? (
        <button
          type="button"
          className={style.sort}
          onClick={() => onSort({ column: column.id, down: isSorted ? !sort.down : true })}
        >
          {column.head}
          {isSorted && <Arrow aria-hidden />}
        </button>
      ) : (
        column.head
      )}
    </th>
  );
}

function cellClass<Row>(column: Column<Row>) {
  return classes(column.numeric && style.numeric, column.hideBelow && style[column.hideBelow]);
}

/** Returns the rows in the order of the sort. */
export function sorted<Row>(rows: Row[], columns: Column<Row>[], sort: Sort | undefined): Row[] {
  const compare = columns.find((column) => column.id === sort?.column)?.compare;
  if (!compare || !sort) return rows;
  return rows.toSorted((a, b) => (sort.down ? compare(b, a) : compare(a, b)));
}
