import type { ReactNode } from 'react';
import style from './RowsInView.module.css';

/** What is asked of a virtualizer. */
type List = {
  getVirtualItems: () => { index: number; start: number; end: number }[];
  getTotalSize: () => number;
  options: { scrollMargin: number };
};

type Props = {
  list: List;
  /** How many columns the table has, where no width hides some of them. */
  columns?: number;
  children: (index: number) => ReactNode;
};

/** The rows of a table that are in view, between the places of those that are not drawn. */
export function RowsInView({ list, columns, children }: Props) {
  const items = list.getVirtualItems();
  const margin = list.options.scrollMargin;
  const above = (items[0]?.start ?? margin) - margin;
  const drawn = (items.at(-1)?.end ?? margin) - margin;
  return (
    <>
      <Space height={above} columns={columns} />
      {items.map(({ index }) => children(index))}
      <Space height={list.getTotalSize() - drawn} columns={columns} />
    </>
  );
}

const Space = ({ height, columns }: { height: number; columns?: number }) =>
  height > 0 ? (
    <tr aria-hidden>
      <td colSpan={columns} className={style.space} style={{ height }} />
    </tr>
  ) : null;
