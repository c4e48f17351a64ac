import { useMemo, useState } from 'react';
import { classes } from './classes';
import { formatCountOf } from './format';
import { highlight } from './highlight';
import { folded, type Gap, type Row, rowsOf, type Side, unified } from './lineDiff';
import style from './TextDiff.module.css';

type Props = {
  before: string;
  after: string;
  /** What the two are called. */
  names: [string, string];
  /** Side by side, or one column in which removed lines stand over added ones. */
  look?: 'split' | 'unified';
  /** The numbers of the first lines, where the texts are parts. */
  first?: [number, number];
};

/** Two documents in YAML against each other. What is equal and far from a change is folded. */
export function TextDiff({ before, after, names, look = 'split', first = [1, 1] }: Props) {
  const [left, right] = first;
  const rows = useMemo(() => {
    const all = rowsOf(before, after, [left, right]);
    return folded(look === 'unified' ? unified(all) : all);
  }, [before, after, left, right, look]);
  if (rows.every((row) => row.kind === 'gap')) return <p className={style.same}>The documents are the same.</p>;
  const Line = look === 'unified' ? UnifiedLine : SplitLine;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className={classes(style.scroll, look === 'split' && style.card)} tabIndex={0} aria-label="Differences">
      <table className={classes(style.diff, style[look])} aria-label={`${names[0]} against ${names[1]}`}>
        {look === 'split' && <SplitHead names={names} />}
        {rows.map((row) =>
          row.kind === 'gap' ? (
            <Folded key={`gap ${row.rows[0]?.left?.number}`} gap={row} Line={Line} />
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

const SplitHead = ({ names }: { names: [string, string] }) => (
  <>
    <colgroup>
      <col className={style.numbers} />
      <col />
      <col className={style.numbers} />
      <col />
    </colgroup>
    <thead>
      <tr>
        {names.map((name) => (
          <th key={name} scope="col" colSpan={2}>
            {name}
          </th>
        ))}
      </tr>
    </thead>
  </>
);

type LineProps = { row: Row };

function Folded({ gap, Line }: { gap: Gap; Line: (props: LineProps) => React.ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <tbody>
      {open ? (
        gap.rows.map((row) => <Line key={row.left?.number} row={row} />)
      ) : (
        <tr className={style.gap}>
          <td colSpan={4}>
            <button type="button" onClick={() => setOpen(true)}>
              {formatCountOf(gap.rows.length, 'equal line')}
            </button>
          </td>
        </tr>
      )}
    </tbody>
  );
}

function SplitLine({ row }: LineProps) {
  const changed = row.kind === 'changed';
  return (
    <tr>
      <Half side={row.left} tone={changed && row.left ? 'removed' : null} />
      <Half side={row.right} tone={changed && row.right ? 'added' : null} />
    </tr>
  );
}

type Tone = 'removed' | 'added' | null;

function Half({ side, tone }: { side: Side; tone: Tone }) {
  const look = classes(tone && style[tone], !side && style.absent);
  return (
    <>
      <td className={classes(style.number, look)}>{side?.number}</td>
      <Text side={side} tone={tone} look={look} />
    </>
  );
}

function UnifiedLine({ row }: LineProps) {
  const tone: Tone = row.kind === 'same' ? null : row.left ? 'removed' : 'added';
  const look = tone ? style[tone] : undefined;
  return (
    <tr>
      <td className={classes(style.number, look)}>{row.left?.number}</td>
      <td className={classes(style.number, look)}>{row.right?.number}</td>
      <Text side={row.left ?? row.right} tone={tone} look={look} />
    </tr>
  );
}

function Text({ side, tone, look }: { side: Side; tone: Tone; look: string | undefined }) {
  return (
    <td className={classes(style.text, look)}>
      <span aria-hidden className={style.mark}>
        {tone === 'removed' ? '−' : tone === 'added' ? '+' : ' '}
      </span>
      {tone && <span className="visually-hidden">{tone}: </span>}
      {side && <Yaml text={side.text} />}
    </td>
  );
}

/** Keys and references stand out; a string's colour would not go with the ground of a change. */
function Yaml({ text }: { text: string }) {
  return highlight(text, 'yaml').map(({ kind, text }, index) =>
    kind === 'key' || kind === 'variable' ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: tokens never move on their own
      <span key={index} className={style[kind]}>
        {text}
      </span>
    ) : (
      text
    ),
  );
}
