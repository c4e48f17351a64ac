import { Plus, X } from 'lucide-react';
import { Button } from '../../ui/Button';
import { Input } from '../../ui/Field';
import { freshName } from '../names';
import type { EditorProps } from './FieldControl';
import style from './Form.module.css';
import { RefText } from './RefText';
import { useBuffered } from './useBuffered';

/** Names with texts: headers, queries. */
export function TextMap({ field, value, path, set, disabled }: EditorProps) {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  const rename = (from: string, to: string) => {
    if (to === '' || to === from || entries.some(([name]) => name === to)) return;
    set(path, Object.fromEntries(entries.map(([name, text]) => [name === from ? to : name, text])));
  };
  const add = () =>
    set(
      [
        ...path,
        freshName(
          'name',
          entries.map(([name]) => name),
        ),
      ],
      '',
    );
  return (
    <div className={style.rows}>
      {entries.map(([name, text]) => (
        <div key={name} className={style.row}>
          <Name value={name} disabled={disabled} onChange={(to) => rename(name, to)} />
          <RefText
            label={`${field.name} ${name}`}
            mono
            disabled={disabled}
            value={String(text ?? '')}
            onChange={(typed) => set([...path, name], typed)}
          />
          <Remove name={name} disabled={disabled} onClick={() => set([...path, name], undefined)} />
        </div>
      ))}
      <Add disabled={disabled} onClick={add} />
    </div>
  );
}

function Name({ value, disabled, onChange }: { value: string; disabled: boolean; onChange: (value: string) => void }) {
  const { shown, type, flush } = useBuffered(value, onChange);
  return (
    <Input
      mono
      aria-label="Name"
      value={shown}
      disabled={disabled}
      onChange={(event) => type(event.target.value)}
      onBlur={flush}
    />
  );
}

/** A list of texts; one text stands for a list of one. */
export function TextList({ field, value, path, set, disabled }: EditorProps) {
  const items = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  const put = (index: number, text: string) =>
    set(
      path,
      items.map((item, at) => (at === index ? text : item)),
    );
  const remove = (index: number) => set(path, items.length === 1 ? undefined : items.filter((_, at) => at !== index));
  return (
    <div className={style.rows}>
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a list is what its order is
        <div key={index} className={style.row}>
          <RefText
            label={`${field.name} ${index + 1}`}
            mono
            disabled={disabled}
            value={String(item ?? '')}
            onChange={(text) => put(index, text)}
          />
          <Remove name={String(index + 1)} disabled={disabled} onClick={() => remove(index)} />
        </div>
      ))}
      <Add disabled={disabled} onClick={() => set(path, [...items, ''])} />
    </div>
  );
}

type RemoveProps = { name: string; disabled: boolean; onClick: () => void };

const Remove = ({ name, disabled, onClick }: RemoveProps) => (
  <Button
    look="quiet"
    size="small"
    icon={<X />}
    aria-label={`Remove ${name}`}
    blocked={disabled ? 'locked' : null}
    onClick={onClick}
  />
);

const Add = ({ disabled, onClick }: { disabled: boolean; onClick: () => void }) => (
  <Button look="quiet" size="small" icon={<Plus />} blocked={disabled ? 'locked' : null} onClick={onClick}>
    Add
  </Button>
);
