import { useState } from 'react';
import { classes } from '../../../ui/classes';
import { formatCount } from '../../../ui/format';
import { folded, type Gap, type Row, type Side, sideBySide } from './diff';
import style from './Versions.module.css';

/** Two texts side by side. What is equal and far from a change is folded. */
export function SideBySide({ before, after, names }: { before: string; after: string; names: [string, string] }) {
  const rows = folded(sideBySide(before, after));
  if (rows.every((row) => row.kind === 'gap')) return <p className={style.faint}>The documents are the same.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className={style.scroll} tabIndex={0} aria-label="Differences">
      <table className={style.diff} aria-label={`${names[0]} against ${names[1]}`}>
        <colgroup>
          <col className={style.numbers} />
          <col />
          <col className={style.numbers} />
          <col />
        </colgroup>
        <thead>
          <tr>
            <th scope="col" colSpan={2}>
              {names[0]}
            </th>
            <th scope="col" colSpan={2}>
              {names[1]}
            </th>
          </tr>
        </thead>
        {rows.map((row) =>
          row.kind === 'gap' ? (
            <Folded key={`gap ${row.rows[0]?.left?.number}`} gap={row} />
          ) : (
            <tbody key={`${row.left?.number} ${row.right?.number}`}>
              <Line row={row} />
            </tbody>
          ),
        )}
      </table>
    </section>
  );
}

function Folded({ gap }: { gap: Gap }) {
  const [open, setOpen] = useState(false);
  if (open) {
    return (
      <tbody>
        {gap.rows.map((row) => (
          <Line key={row.left?.number} row={row} />
        ))}
      </tbody>
    );
  }
  return (
    <tbody>
      <tr className={style.gap}>
        <td colSpan={4}>
          <button type="button" onClick={() => setOpen(true)}>
            {formatCount(gap.rows.length)} equal {gap.rows.length === 1 ? 'line' : 'lines'}
          </button>
        </td>
      </tr>
    </tbody>
  );
}

function Line({ row }: { row: Row }) {
  const changed = row.kind === 'changed';
  return (
    <tr>
      <Half side={row.left} tone={changed && row.left ? style.removed : undefined} mark="−" />
      <Half side={row.right} tone={changed && row.right ? style.added : undefined} mark="+" />
    </tr>
  );
}

function Half({ side, tone, mark }: { side: Side; tone: string | undefined; mark: string }) {
  return (
    <>
      <td className={classes(style.number, tone, !side && style.absent)}>{side?.number}</td>
      <td className={classes(style.text, tone, !side && style.absent)}>
        {tone && <span className={style.mark}>{mark}</span>}
        {side?.text}
      </td>
    </>
  );
}
