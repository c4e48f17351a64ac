import type { ComponentProps } from 'react';
import { Field, Input, Textarea } from './Field';

/** What a field has besides its control, whose value is a text. */
type About = Omit<ComponentProps<typeof Field>, 'children'> & { value: string; onChange: (text: string) => void };

/** A line of text with its label. */
export function TextField({
  label,
  hint,
  error,
  aside,
  onChange,
  ...input
}: About & Omit<ComponentProps<typeof Input>, 'onChange'>) {
  return (
    <Field label={label} hint={hint} error={error} aside={aside}>
      {(ids) => <Input {...ids} {...input} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}

/** Lines of text with their label. */
export function TextAreaField({
  label,
  hint,
  error,
  aside,
  onChange,
  ...area
}: About & Omit<ComponentProps<typeof Textarea>, 'onChange'>) {
  return (
    <Field label={label} hint={hint} error={error} aside={aside}>
      {(ids) => <Textarea {...ids} {...area} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}
