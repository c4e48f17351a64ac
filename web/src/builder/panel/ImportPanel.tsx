import { CircleCheck, CircleX, TriangleAlert } from 'lucide-react';
import { Fragment } from 'react';
import { Link } from 'wouter';
import { type ImportEntry, type ImportReport, reportOf } from '../../api/imports';
import { Coded } from '../../ui/Coded';
import { Empty } from '../../ui/Empty';
import { useBuilder } from '../context';
import style from './Panel.module.css';

const LOOK = {
  unsupported: { icon: <CircleX aria-label="Unsupported" />, className: style.bad },
  approximated: { icon: <TriangleAlert aria-label="Approximated" />, className: style.warn },
  mapped: { icon: <CircleCheck aria-label="Mapped" />, className: style.plus },
};
const ORDER: ImportEntry['outcome'][] = ['unsupported', 'approximated', 'mapped'];

/** What became of the steps of an imported file: what has to be done by hand comes first. */
export function ImportPanel() {
  const { store } = useBuilder();
  const report = reportOf(store.id);
  if (!report) return <Empty title="No report">It was shown in the tab that imported the file.</Empty>;
  const entries = ORDER.flatMap((outcome) => report.entries.filter((entry) => entry.outcome === outcome));
  return (
    <>
      <p className={style.summary}>{summary(report)}</p>
      {report.others.length > 0 && (
        <p className={style.summary}>
          The file has more workflows:{' '}
          {report.others.map(({ id, name }, index) => (
            <Fragment key={id}>
              {index > 0 && ', '}
              <Link href={`/workflows/${id}?panel=import`}>{name}</Link>
            </Fragment>
          ))}
          .
        </p>
      )}
      <ul className={style.list} aria-label="Steps of the file">
        {entries.map((entry) => (
          <Entry key={entry.node} entry={entry} />
        ))}
        {report.secrets.map((secret) => (
          <li key={secret.name} className={style.entry}>
            <span className={secret.stored ? style.plus : style.warn}>
              {secret.stored ? <CircleCheck aria-label="Stored" /> : <TriangleAlert aria-label="Not stored" />}
            </span>
            <span>
              A key stood in the file. {secret.stored ? 'It is the secret' : 'It was dropped: store it again as'}{' '}
              <code>{secret.name}</code>
              <small>{secret.hosts.join(', ') || 'no host was named'}</small>
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Entry({ entry }: { entry: ImportEntry }) {
  const { state, select, selected } = useBuilder();
  const node = state.outline?.nodes.find(({ id, name }) => id === entry.node || name === entry.name);
  const { icon, className } = LOOK[entry.outcome];
  return (
    <li>
      <button
        type="button"
        className={style.entry}
        aria-current={node !== undefined && node.id === selected}
        disabled={!node}
        onClick={() => node && select(node.id)}
      >
        <span className={className}>{icon}</span>
        <span>
          {entry.name || entry.node}
          <small>
            {entry.type}
            {entry.became.join() !== entry.type && entry.became.length > 0 && ` became ${entry.became.join(', ')}`}
          </small>
          {entry.notes.map((note) => (
            <small key={note}>
              <Coded text={note} />
            </small>
          ))}
        </span>
      </button>
    </li>
  );
}

const summary = ({ file, entries }: ImportReport) => {
  const count = (outcome: ImportEntry['outcome']) => entries.filter((entry) => entry.outcome === outcome).length;
  return `${file}: ${count('mapped')} mapped, ${count('approximated')} approximated, ${count('unsupported')} unsupported. An unsupported step became a function that fails until you replace it, or was left out: its note says which.`;
};
