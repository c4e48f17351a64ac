import type { InterfaceInput } from '../../../api/workflow';
import { Field } from '../../../ui/Field';
import { TextAreaField } from '../../../ui/TextField';
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

type JsonProps = { text: string; error: string | undefined; onChange: (text: string) => void };

/** The whole input as JSON, for what a form cannot say: an empty text, a null. */
export const JsonForm = ({ text, error, onChange }: JsonProps) => (
  <TextAreaField
    label="Input as JSON"
    error={error}
    mono
    rows={12}
    spellCheck={false}
    className={style.grows}
    value={text}
    onChange={onChange}
  />
);
