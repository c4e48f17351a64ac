import { Plus, Trash2 } from 'lucide-react';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { useBuilder } from '../context';
import { errorsOf, Hint } from '../form/FieldControl';
import { RefText } from '../form/RefText';
import { Short } from '../form/Short';
import { kindOf, problemsAt } from '../lookup';
import { freshName } from '../names';
import { useActions } from '../useActions';
import { useDocumentValue } from '../useDocument';
import style from './Panel.module.css';

type Entry = [string, unknown];

/** The fields that callers get. */
export function Outputs() {
  const { locked } = useBuilder();
  const actions = useActions();
  const entries = useEntries();
  const names = entries.map(([name]) => name);
  const first = useFirstValue();
  const rename = (from: string, to: string) => {
    if (!to || names.includes(to)) return;
    const renamed = entries.map(([name, value]) => [name === from ? to : name, value]);
    actions.setSection(['output'], Object.fromEntries(renamed));
  };
  return (
    <>
      {entries.length === 0 && <p className={style.quiet}>Without fields, callers get what the last nodes leave.</p>}
      {entries.map((entry, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the name is being typed
        <Output key={index} entry={entry} onRename={(to) => rename(entry[0], to)} />
      ))}
      <Button
        icon={<Plus />}
        blocked={locked}
        onClick={() => actions.setSection(['output', freshName('result', names)], first)}
      >
        Add field
      </Button>
    </>
  );
}

function useEntries(): Entry[] {
  const output = useDocumentValue()?.output;
  return Object.entries(typeof output === 'object' && output !== null ? output : {});
}

/** What a new field begins with: what the last node leaves. */
function useFirstValue(): string {
  const { state, kinds } = useBuilder();
  const last = state.outline?.nodes.findLast((node) => node.parent === null && node.id);
  return last ? `<${last.id}.${kindOf(kinds, last.kind)?.outputs?.[0] ?? 'content'}>` : '';
}

function Output({ entry: [name, value], onRename }: { entry: Entry; onRename: (to: string) => void }) {
  const { locked, state } = useBuilder();
  const actions = useActions();
  const problems = problemsAt(state.problems, `/output/${name}`);
  return (
    <fieldset className={style.card} disabled={locked !== null}>
      <legend className="visually-hidden">Field {name}</legend>
      <Field label="Name">{(ids) => <Short {...ids} value={name} onChange={onRename} />}</Field>
      <Field
        label="Value"
        aside="type < to refer"
        error={errorsOf(problems)}
        hint={<Hint help="" warnings={problems} />}
      >
        {(ids) => (
          <RefText
            id={ids.id}
            mono
            value={typeof value === 'string' ? value : JSON.stringify(value)}
            disabled={locked !== null || (typeof value === 'object' && value !== null)}
            onChange={(text) => actions.setSection(['output', name], text)}
          />
        )}
      </Field>
      <Button
        look="quiet"
        size="small"
        icon={<Trash2 />}
        aria-label={`Remove ${name}`}
        blocked={locked}
        onClick={() => actions.setSection(['output', name], undefined)}
      >
        Remove
      </Button>
    </fieldset>
  );
}
