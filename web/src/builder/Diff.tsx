import { useMemo } from 'react';
import { classes } from '../ui/classes';
import style from './Diff.module.css';
import { type Change, type DiffLine, described, diffLines } from './document/changes';
import { referencesIn } from './document/references';

/** The lines that differ between two documents, or in one part of them. */
export function Diff({ before, after, change }: { before: string; after: string; change?: Change }) {
  const lines = useMemo(() => diffLines(before, after, change), [before, after, change]);
  const count = (kind: DiffLine['kind']) => lines.filter((line) => line.kind === kind).length;
  return (
    <section className={style.diff} aria-label={change ? `Changes of ${change.name}` : 'Changes'}>
      <header className={style.head}>
        <b>{change?.name ?? 'The whole document'}</b>
        <span>{change && described(change)}</span>
        <span className={style.plus}>+{count('added')}</span>
        <span className={style.minus}>−{count('removed')}</span>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <div className={style.lines} tabIndex={0}>
        {lines.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines never move on their own
          <Line key={index} line={line} />
        ))}
      </div>
    </section>
  );
}

function Line({ line }: { line: DiffLine }) {
  if (line.kind === 'gap') return <p className={style.gap}>{line.count} unchanged lines</p>;
  const sign = { same: '', added: '+', removed: '−' }[line.kind];
  return (
    <div className={classes(style.line, style[line.kind])}>
      <span>{line.before}</span>
      <span>{line.after}</span>
      <span aria-hidden>{sign}</span>
      {line.kind !== 'same' && <span className="visually-hidden">{line.kind}: </span>}
      <code>
        <Yaml text={line.text} />
      </code>
    </div>
  );
}

/** A line of YAML whose key and references are coloured. */
function Yaml({ text }: { text: string }) {
  const key = text.match(/^(\s*(?:- )?)([\w$-]+)(?=:)/);
  const start = key ? key[0].length : 0;
  const rest = text.slice(start);
  const parts: React.ReactNode[] = [];
  let end = 0;
  for (const reference of referencesIn(rest)) {
    parts.push(
      rest.slice(end, reference.start),
      <i key={reference.start}>{rest.slice(reference.start, reference.end)}</i>,
    );
    end = reference.end;
  }
  return (
    <>
      {key?.[1]}
      {key && <b>{key[2]}</b>}
      {parts}
      {rest.slice(end)}
    </>
  );
}
