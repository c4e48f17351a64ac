import { INPUT, OUTPUT } from '../../graph/types';
import { Empty, Skeleton } from '../../ui/Empty';
import { KindTile } from '../../ui/KindTile';
import { useBuilder } from '../context';
import { type Change, described } from '../document/changes';
import { useChanges } from '../useChanges';
import style from './Panel.module.css';

/** What differs from the active version. */
export function ChangesPanel() {
  const { state, select, selected, open } = useBuilder();
  const { changes, isMissing } = useChanges();
  if (state.activeVersion === null) {
    return <Empty title="Nothing is published yet">Publishing makes the draft version 1.0.0.</Empty>;
  }
  if (isMissing)
    return <Empty title="This server keeps no text of its versions">It cannot be compared with the draft.</Empty>;
  if (!changes) return <Skeleton />;
  if (changes.length === 0) return <Empty title={`The draft is what ${state.activeVersion} is`} />;
  const show = (change: Change) => {
    const place = { 'section:input': INPUT, 'section:output': OUTPUT }[change.key] ?? change.name;
    if (change.how === 'removed' || (change.key.startsWith('section:') && place === change.name)) open('document');
    else select(place);
  };
  return (
    <ul className={style.list}>
      {changes.map((change) => (
        <li key={change.key}>
          <ChangeButton change={change} isCurrent={change.name === selected} onClick={() => show(change)} />
        </li>
      ))}
    </ul>
  );
}

type Props = { change: Change; isCurrent: boolean; onClick: () => void };

export function ChangeButton({ change, isCurrent, onClick }: Props) {
  const sign = { added: '+', changed: '~', removed: '−' }[change.how];
  const tone = { added: style.plus, changed: '', removed: style.minus }[change.how];
  return (
    <button type="button" className={style.entry} aria-current={isCurrent} onClick={onClick}>
      <KindTile kind={change.kind} size={20} />
      <span>
        <code>{change.name}</code>
        <small>{described(change)}</small>
      </span>
      <span className={`${style.how} ${tone}`} role="img" aria-label={change.how}>
        {sign}
      </span>
    </button>
  );
}
