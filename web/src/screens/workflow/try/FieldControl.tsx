import type { ComponentProps } from 'react';
import type { InterfaceInput } from '../../../api/workflow';
import { Input, Select, Textarea } from '../../../ui/Field';
import { FileControl } from './FileControl';
import style from './Form.module.css';
import { writeDefault } from './fields';

type Ids = { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true };

type Props = {
  field: InterfaceInput;
  value: string;
  ids: Ids;
  onChange: (value: string) => void;
};

/** The control of one field: by its type, or a choice if only some values are allowed. */
export function FieldControl({ field, value, ids, onChange }: Props) {
  const shared = { ...ids, value, required: field.required, placeholder: placeholderOf(field) };
  const change = (event: { target: { value: string } }) => onChange(event.target.value);
  if (field.enum) return <Choice {...shared} onChange={change} field={field} options={field.enum.map(optionOf)} />;
  switch (field.type) {
    case 'boolean':
      return <Choice {...shared} onChange={change} field={field} options={['true', 'false']} />;
    case 'number':
      return <Input {...shared} mono inputMode="decimal" onChange={change} />;
    case 'file':
      return <FileControl ids={ids} value={value} onChange={onChange} />;
    case 'object':
    case 'array':
      return <Textarea {...shared} mono rows={3} spellCheck={false} className={style.grows} onChange={change} />;
    default:
      return <Textarea {...shared} rows={1} className={style.grows} onChange={change} />;
  }
}

type ChoiceProps = ComponentProps<typeof Select> & { field: InterfaceInput; options: string[]; placeholder?: string };

function Choice({ field, options, placeholder, ...rest }: ChoiceProps) {
  return (
    <Select {...rest}>
      <option value="">{field.required ? 'Choose one' : placeholder ? `${placeholder} (default)` : 'Left out'}</option>
      {options.map((option) => (
        <option key={option}>{option}</option>
      ))}
    </Select>
  );
}

const optionOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

function placeholderOf(field: InterfaceInput): string | undefined {
  if (field.default !== undefined)
    return typeof field.default === 'string' ? field.default : writeDefault(field.default);
  if (field.type === 'object') return '{ }';
  if (field.type === 'array') return '[ ]';
  return undefined;
}
