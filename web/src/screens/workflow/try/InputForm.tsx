import type { InterfaceInput } from '../../../api/workflow';
import { Field, Textarea } from '../../../ui/Field';
import { FieldControl } from './FieldControl';
import style from './Form.module.css';
import { type Entries, writeDefault } from './fields';

type Props = {
  fields: InterfaceInput[];
  entries: Entries;
  errors: Record<string, string>;
  onChange: (name: string, value: string) => void;
};

/** One control for each field that the workflow declares. */
export function InputForm({ fields, entries, errors, onChange }: Props) {
  if (!fields.length) return <p className={style.none}>The document declares no fields. Give any object, as JSON.</p>;
  return fields.map((field) => (
    <Field
      key={field.name}
      label={
        <>
          <code className={style.name}>{field.name}</code> {field.type}
        </>
      }
      aside={field.required ? 'required' : field.default !== undefined && `default ${writeDefault(field.default)}`}
      hint={field.description}
      error={errors[field.name]}
    >
      {(ids) => (
        <FieldControl
          field={field}
          value={entries[field.name] ?? ''}
          ids={ids}
          onChange={(value) => onChange(field.name, value)}
        />
      )}
    </Field>
  ));
}

/** The whole input as JSON, for what a form cannot say: an empty text, a null. */
export function JsonForm({
  text,
  error,
  onChange,
}: {
  text: string;
  error: string | undefined;
  onChange: (text: string) => void;
}) {
  return (
    <Field label="Input as JSON" error={error}>
      {(ids) => (
        <Textarea
          {...ids}
          mono
          rows={12}
          spellCheck={false}
          className={style.grows}
          value={text}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
