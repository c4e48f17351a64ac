import {
  type ComponentProps,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react';
import { classes } from './classes';
import style from './Field.module.css';

type FieldProps = {
  label: ReactNode;
  hint?: ReactNode;
  error?: ReactNode;
  aside?: ReactNode;
  children: (ids: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ReactNode;
};

/** A label, its control, and what is wrong with it. `children` gets the ids to carry. */
export function Field({ label, hint, error, aside, children }: FieldProps) {
  const id = useId();
  const note = hint || error ? `${id}-note` : undefined;
  return (
    <div className={style.field}>
      <div className={style.head}>
        <label htmlFor={id}>{label}</label>
        {aside && <span className={style.aside}>{aside}</span>}
      </div>
      {children({ id, 'aria-describedby': note, 'aria-invalid': error ? true : undefined })}
      {note && (
        <p id={note} className={classes(style.note, Boolean(error) && style.error)}>
          {error || hint}
        </p>
      )}
    </div>
  );
}

export function Input({
  mono,
  icon,
  className,
  ...rest
}: ComponentProps<'input'> & { mono?: boolean; icon?: ReactNode }) {
  const input = (
    <input {...rest} className={classes(style.control, mono && style.mono, Boolean(icon) && style.inset, className)} />
  );
  if (!icon) return input;
  return (
    <span className={style.withIcon}>
      {icon}
      {input}
    </span>
  );
}

export function Textarea({
  mono,
  className,
  ...rest
}: TextareaHTMLAttributes<HTMLTextAreaElement> & { mono?: boolean }) {
  return <textarea rows={4} {...rest} className={classes(style.control, style.area, mono && style.mono, className)} />;
}

export function Select({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select {...rest} className={classes(style.control, style.select, className)} />;
}

/** The options of a `Select` of things that have an id and a name. */
export const NamedOptions = ({ of }: { of: { id: string; name: string }[] }) =>
  of.map(({ id, name }) => (
    <option key={id} value={id}>
      {name}
    </option>
  ));

export function Checkbox({ label, ...rest }: InputHTMLAttributes<HTMLInputElement> & { label: ReactNode }) {
  return (
    <label className={style.check}>
      <input type="checkbox" {...rest} />
      <span>{label}</span>
    </label>
  );
}
