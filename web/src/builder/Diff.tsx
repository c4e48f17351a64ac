import { useMemo } from 'react';
import { rowsOf } from '../ui/lineDiff';
import { TextDiff } from '../ui/TextDiff';
import style from './Diff.module.css';
import { type Change, described } from './document/changes';
import type { Unit } from './document/units';

/** The lines that differ between two documents, or in one part of them. */
export function Diff({ before, after, change }: { before: string; after: string; change?: Change }) {
  const [old, now] = change
    ? [partOf(before, change.before), partOf(after, change.after)]
    : [whole(before), whole(after)];
  const rows = useMemo(() => rowsOf(old.text, now.text).filter((row) => row.kind === 'changed'), [old.text, now.text]);
  return (
    <section className={style.diff} aria-label={change ? `Changes of ${change.name}` : 'Changes'}>
      <header className={style.head}>
        <b>{change?.name ?? 'The whole document'}</b>
        <span>{change && described(change)}</span>
        <span className={style.plus}>+{rows.filter((row) => row.right).length}</span>
        <span className={style.minus}>−{rows.filter((row) => row.left).length}</span>
      </header>
      <TextDiff
        look="unified"
        before={old.text}
        after={now.text}
        first={[old.first, now.first]}
        names={['Active version', 'Draft']}
      />
    </section>
  );
}

const whole = (text: string) => ({ text, first: 1 });

/** The lines of a part, as it stands in its document. */
function partOf(text: string, unit: Unit | null) {
  if (!unit) return { text: '', first: 1 };
  const { first, last } = unit.lines;
  return {
    text: `${text
      .split('\n')
      .slice(first - 1, last)
      .join('\n')}\n`,
    first,
  };
}
