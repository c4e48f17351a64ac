import { Plus, Trash2 } from 'lucide-react';
import type { FieldSpec } from '../../api/documents';
import { Button } from '../../ui/Button';
import { pointer } from '../document/nodes';
import { formHelpOf, isCommon, labelOf } from './controls';
import { type ControlProps, FieldControl, Label } from './FieldControl';
import style from './Form.module.css';

type Owner = Record<string, unknown>;

/** Fields of an object within a field: `retry`, `memory`. */
export function FieldGroup(props: ControlProps) {
  const { field, value } = props;
  const owner = (value ?? {}) as Owner;
  return (
    <fieldset className={style.group}>
      <legend>
        <Label field={field} />
      </legend>
      <p className={style.help}>{formHelpOf(field)}</p>
      <Fields {...props} fields={field.fields ?? []} owner={owner} />
      <Wrong {...props} />
    </fieldset>
  );
}

/** What is wrong with an object as a whole; its fields show their own. */
function Wrong({ problems, base, path }: ControlProps) {
  const own = problems.filter((problem) => problem.path === `${base}${pointer(path)}`);
  return own.length > 0 ? <p className={style.wrong}>{own.map((problem) => problem.message).join('; ')}</p> : null;
}

/** The usual fields, and the rest behind "More". */
function Fields({ fields, owner, path, ...props }: ControlProps & { fields: FieldSpec[]; owner: Owner }) {
  const shown = fields.length <= 4 ? fields : fields.filter((field) => isCommon(field, owner));
  const rest = fields.filter((field) => !shown.includes(field));
  const control = (field: FieldSpec) => (
    <FieldControl key={field.name} {...props} field={field} value={owner[field.name]} path={[...path, field.name]} />
  );
  return (
    <>
      {shown.map(control)}
      {rest.length > 0 && <More names={rest.map((field) => field.name)}>{rest.map(control)}</More>}
    </>
  );
}

export function More({ names, children }: { names: string[]; children: React.ReactNode }) {
  const some = names.slice(0, 4).map((name) => name.replace(/_/g, ' '));
  return (
    <details className={style.more}>
      <summary>
        More: {some.join(', ')}
        {names.length > some.length && ' …'}
      </summary>
      <div className={style.fields}>{children}</div>
    </details>
  );
}

/** A list of objects: tools, branches, fields of a form. Each opens on its own. */
export function ItemList(props: ControlProps) {
  const { field, value, path, set, disabled } = props;
  const items = (value ?? []) as Owner[];
  const add = () => set([...path, items.length], fresh(field.fields ?? [], items.length));
  return (
    <section className={style.list} aria-label={labelOf(field.name)}>
      <header>
        <span>
          <Label field={field} />
        </span>
        <Button look="quiet" size="small" icon={<Plus />} blocked={disabled ? 'locked' : null} onClick={add}>
          Add
        </Button>
      </header>
      {items.length === 0 && <p className={style.help}>{formHelpOf(field)}</p>}
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: items have no id, and their order is what tells them apart
        <details key={index} className={style.item}>
          <summary>
            <b>{nameOf(item, index)}</b>
            <span>{hintOf(item)}</span>
          </summary>
          <div className={style.fields}>
            <Fields {...props} path={[...path, index]} fields={field.fields ?? []} owner={item} />
            <Button
              look="quiet"
              size="small"
              icon={<Trash2 />}
              blocked={disabled ? 'locked' : null}
              onClick={() => set([...path, index], undefined)}
            >
              Remove
            </Button>
          </div>
        </details>
      ))}
      <Wrong {...props} />
    </section>
  );
}

const nameOf = (item: Owner, index: number) => String(item.name ?? item.workflow ?? item.role ?? `#${index + 1}`);

function hintOf(item: Owner): string {
  const entry = Object.entries(item).find(
    ([key, value]) => !['name', 'description'].includes(key) && value !== undefined,
  );
  if (!entry) return '';
  const text = typeof entry[1] === 'object' ? JSON.stringify(entry[1]) : String(entry[1]);
  return `${entry[0]} ${text}`.slice(0, 60);
}

/** A new item with what it needs. */
function fresh(fields: FieldSpec[], index: number): Owner {
  const needed = fields.filter((field) => field.required || field.name === 'name');
  return Object.fromEntries(needed.map((field) => [field.name, field.name === 'name' ? `item_${index + 1}` : '']));
}
