import { Plus, Trash2 } from 'lucide-react';
import { INPUT } from '../../graph/types';
import { Button } from '../../ui/Button';
import { Checkbox, Field, Select } from '../../ui/Field';
import { KindTile } from '../../ui/KindTile';
import { useBuilder } from '../context';
import { errorsOf, Hint } from '../form/FieldControl';
import { Short } from '../form/Short';
import { YamlField } from '../form/YamlField';
import { problemsAt } from '../lookup';
import { emptyOf, freshName } from '../names';
import { useActions } from '../useActions';
import { useDocumentValue } from '../useDocument';
import { Outputs } from './Outputs';
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
  const { locked } = useBuilder();
  const actions = useActions();
  const set = (name: string, value: unknown) => actions.setSection(['input', index, name], value);
  const isRequired = field.default === undefined;
  const value = { field, set, disabled: locked !== null, base: `/input/${index}` };
  return (
    <fieldset className={style.card} disabled={value.disabled}>
      <legend className="visually-hidden">Field {String(field.name)}</legend>
      <NameAndType field={field} index={index} set={set} />
      <Checkbox
        label="Required"
        checked={isRequired}
        onChange={(event) => set('default', event.target.checked ? undefined : emptyOf(field.type))}
      />
      {!isRequired && <Value label="Default" name="default" {...value} />}
      <Field label="Description">
        {(ids) => (
          <Short
            {...ids}
            value={String(field.description ?? '')}
            onChange={(text) => set('description', text || undefined)}
          />
        )}
      </Field>
      <Value label="Example" name="value" {...value} />
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

const TYPES = ['string', 'number', 'boolean', 'object', 'array', 'file'];

type NameProps = { field: Owner; index: number; set: (name: string, value: unknown) => void };

function NameAndType({ field, index, set }: NameProps) {
  const { kinds, state } = useBuilder();
  const actions = useActions();
  const problems = problemsAt(state.problems, `/input/${index}`);
  return (
    <div className={style.pair}>
      <Field label="Name" error={errorsOf(problems)} hint={problems.length > 0 && <Hint help="" warnings={problems} />}>
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
          <Select {...ids} value={String(field.type ?? 'string')} onChange={(event) => set('type', event.target.value)}>
            {(kinds?.input_types ?? TYPES).map((type) => (
              <option key={type}>{type}</option>
            ))}
          </Select>
        )}
      </Field>
    </div>
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

const asList = (value: unknown) =>
  (Array.isArray(value) ? value : []).filter((item): item is Owner => typeof item === 'object' && item !== null);
