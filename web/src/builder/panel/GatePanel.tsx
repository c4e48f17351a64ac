import { Plus, Trash2 } from 'lucide-react';
import { INPUT } from '../../graph/types';
import { Button } from '../../ui/Button';
import { Checkbox, Field, Input, Select } from '../../ui/Field';
import { KindTile } from '../../ui/KindTile';
import { useBuilder } from '../context';
import { errorsOf, Hint } from '../form/FieldControl';
import { RefText } from '../form/RefText';
import { useBuffered } from '../form/useBuffered';
import { YamlField } from '../form/YamlField';
import { kindOf, problemsAt } from '../lookup';
import { emptyOf, freshName } from '../names';
import { useActions } from '../useActions';
import { useDocumentValue } from '../useDocument';
import style from './Panel.module.css';

type Owner = Record<string, unknown>;

/** The fields that callers send, and those that they get. */
export function GatePanel({ gate }: { gate: string }) {
  const isInput = gate === INPUT;
  return (
    <>
      <header className={style.nodeHead}>
        <KindTile kind={isInput ? 'input' : 'output'} />
        <div>
          <h2>{isInput ? 'Input' : 'Output'}</h2>
          <p>{isInput ? 'What callers of the API send' : 'What callers of the API get'}</p>
        </div>
      </header>
      <div className={style.form}>{isInput ? <Inputs /> : <Outputs />}</div>
    </>
  );
}

function Inputs() {
  const { locked } = useBuilder();
  const actions = useActions();
  const fields = asList(useDocumentValue()?.input);
  const names = fields.map((field) => String(field.name));
  const add = () => actions.setSection(['input', fields.length], { name: freshName('field', names), type: 'string' });
  return (
    <>
      {fields.length === 0 && <p className={style.quiet}>Without fields, callers may send any JSON object.</p>}
      {fields.map((field, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a field has no id apart from its name, which is being typed
        <InputField key={index} field={field} index={index} />
      ))}
      <Button icon={<Plus />} blocked={locked} onClick={add}>
        Add field
      </Button>
    </>
  );
}

function InputField({ field, index }: { field: Owner; index: number }) {
  const { kinds, locked, state } = useBuilder();
  const actions = useActions();
  const set = (name: string, value: unknown) => actions.setSection(['input', index, name], value);
  const types = kinds?.input_types ?? ['string', 'number', 'boolean', 'object', 'array', 'file'];
  const problems = problemsAt(state.problems, `/input/${index}`);
  const isRequired = field.default === undefined;
  const disabled = locked !== null;
  return (
    <fieldset className={style.card} disabled={disabled}>
      <legend className="visually-hidden">Field {String(field.name)}</legend>
      <div className={style.pair}>
        <Field
          label="Name"
          error={errorsOf(problems)}
          hint={problems.length > 0 && <Hint help="" warnings={problems} />}
        >
          {(ids) => (
            <Short
              {...ids}
              value={String(field.name ?? '')}
              onChange={(name) => name && actions.renameInput(index, name)}
            />
          )}
        </Field>
        <Field label="Type">
          {(ids) => (
            <Select
              {...ids}
              value={String(field.type ?? 'string')}
              onChange={(event) => set('type', event.target.value)}
            >
              {types.map((type) => (
                <option key={type}>{type}</option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      <Checkbox
        label="Required"
        checked={isRequired}
        onChange={(event) => set('default', event.target.checked ? undefined : emptyOf(field.type))}
      />
      {!isRequired && (
        <Value label="Default" field={field} name="default" set={set} disabled={disabled} base={`/input/${index}`} />
      )}
      <Field label="Description">
        {(ids) => (
          <Short
            {...ids}
            value={String(field.description ?? '')}
            onChange={(text) => set('description', text || undefined)}
          />
        )}
      </Field>
      <Value label="Example" field={field} name="value" set={set} disabled={disabled} base={`/input/${index}`} />
      <Button
        look="quiet"
        size="small"
        icon={<Trash2 />}
        aria-label={`Remove ${field.name}`}
        blocked={locked}
        onClick={() => actions.setSection(['input', index], undefined)}
      >
        Remove
      </Button>
    </fieldset>
  );
}

type ValueProps = {
  label: string;
  field: Owner;
  name: string;
  set: (name: string, value: unknown) => void;
  disabled: boolean;
  base: string;
};

/** A value of the field's own type. */
function Value({ label, field, name, set, disabled, base }: ValueProps) {
  const spec = { name, type: 'any', help: '', default: null, required: false, secrets: false };
  const isText = (field.type ?? 'string') === 'string' && typeof (field[name] ?? '') === 'string';
  return (
    <Field label={label}>
      {(ids) =>
        isText ? (
          <Short
            {...ids}
            value={String(field[name] ?? '')}
            onChange={(text) => set(name, text === '' && name !== 'default' ? undefined : text)}
          />
        ) : (
          <YamlField
            field={spec}
            value={field[name]}
            path={[name]}
            set={(_, value) => set(name, value)}
            disabled={disabled}
            problems={[]}
            base={base}
            ids={ids}
          />
        )
      }
    </Field>
  );
}

function Outputs() {
  const { locked, state, kinds } = useBuilder();
  const actions = useActions();
  const output = useDocumentValue()?.output;
  const entries = Object.entries(typeof output === 'object' && output !== null ? (output as Owner) : {});
  const rename = (from: string, to: string) => {
    if (!to || to === from || entries.some(([name]) => name === to)) return;
    actions.setSection(
      ['output'],
      Object.fromEntries(entries.map(([name, value]) => [name === from ? to : name, value])),
    );
  };
  const last = state.outline?.nodes.findLast((node) => node.parent === null && node.id);
  const add = () =>
    actions.setSection(
      [
        'output',
        freshName(
          'result',
          entries.map(([name]) => name),
        ),
      ],
      last ? `<${last.id}.${kindOf(kinds, last.kind)?.outputs?.[0] ?? 'content'}>` : '',
    );
  return (
    <>
      {entries.length === 0 && <p className={style.quiet}>Without fields, callers get what the last nodes leave.</p>}
      {entries.map(([name, value], index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the name is being typed
        <fieldset key={index} className={style.card} disabled={locked !== null}>
          <legend className="visually-hidden">Field {name}</legend>
          <Field label="Name">{(ids) => <Short {...ids} value={name} onChange={(to) => rename(name, to)} />}</Field>
          <Field
            label="Value"
            aside="type < to refer"
            error={errorsOf(problemsAt(state.problems, `/output/${name}`))}
            hint={<Hint help="" warnings={problemsAt(state.problems, `/output/${name}`)} />}
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
      ))}
      <Button icon={<Plus />} blocked={locked} onClick={add}>
        Add field
      </Button>
    </>
  );
}

function Short({ value, onChange, ...ids }: { id: string; value: string; onChange: (value: string) => void }) {
  const { shown, type, flush } = useBuffered(value, onChange);
  return <Input {...ids} mono value={shown} onChange={(event) => type(event.target.value)} onBlur={flush} />;
}

const asList = (value: unknown) =>
  (Array.isArray(value) ? value : []).filter((item): item is Owner => typeof item === 'object' && item !== null);
