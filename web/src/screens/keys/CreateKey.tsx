import { type FormEvent, useId, useState } from 'react';
import { Dialog } from '../../ui/Dialog';
import { DialogFoot } from '../../ui/DialogFoot';
import { Field, Select } from '../../ui/Field';
import { Note } from '../../ui/Note';
import { TextAreaField, TextField } from '../../ui/TextField';
import { ChooseScopes, ChooseWorkflows } from './KeyChoices';
import style from './Keys.module.css';
import { EMPTY, type KeyErrors, type KeyForm, readForm } from './newKey';
import { createKey, type IssuedKey, useKeyMutation } from './useKeys';

type Props = {
  /** The workflow that the key is for, if it is made on a workflow's page. */
  workflow?: string;
  onIssued: (key: IssuedKey) => void;
  onClose: () => void;
};

export function CreateKey({ workflow, onIssued, onClose }: Props) {
  const id = useId();
  const [form, setForm] = useState<KeyForm>(workflow ? { ...EMPTY, workflows: [workflow] } : EMPTY);
  const [errors, setErrors] = useState<KeyErrors>({});
  const create = useKeyMutation(createKey, onIssued);
  const set: SetForm = (fields) => {
    setForm({ ...form, ...fields });
    setErrors({});
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = readForm(form);
    if ('key' in read) create.mutate(read.key);
    else setErrors(read.errors);
  };
  return (
    <Dialog
      title="Create key"
      lead="One for each person and program: then each can be limited, rotated and revoked alone."
      onClose={onClose}
      footer={
        <>
          {Object.values(errors).some(Boolean) && <p className={style.wrong}>Something above is missing or wrong.</p>}
          <DialogFoot type="submit" form={id} busy={create.isPending} onClose={onClose}>
            Create key
          </DialogFoot>
        </>
      }
    >
      <form id={id} className={style.form} onSubmit={submit} noValidate>
        <TextField
          label="Name"
          error={errors.name}
          placeholder="website"
          maxLength={200}
          value={form.name}
          onChange={(name) => set({ name })}
        />
        <ChooseWorkflows value={form.workflows} error={errors.workflows} onChange={(workflows) => set({ workflows })} />
        <ChooseScopes value={form.scopes} error={errors.scopes} onChange={(scopes) => set({ scopes })} />
        <Expiry value={form.expires} error={errors.expires} onChange={(expires) => set({ expires })} />
        <Limits form={form} errors={errors} set={set} />
        {create.error && <Note tone="bad">{create.error.message}</Note>}
      </form>
    </Dialog>
  );
}

type SetForm = (fields: Partial<KeyForm>) => void;

const DAYS = { '30': '30 days', '90': '90 days', '365': 'a year' };

/** A day in the form that a date field has. */
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

function Expiry({ value, error, onChange }: { value: string; error?: string; onChange: (day: string) => void }) {
  const [choice, setChoice] = useState('never');
  const choose = (next: string) => {
    setChoice(next);
    onChange(next === 'never' ? '' : inDays(next === 'day' ? 30 : Number(next)));
  };
  return (
    <div className={style.pair}>
      <Field label="Expires">
        {(ids) => (
          <Select {...ids} value={choice} onChange={(event) => choose(event.target.value)}>
            <option value="never">Never</option>
            {Object.entries(DAYS).map(([days, words]) => (
              <option key={days} value={days}>
                In {words}
              </option>
            ))}
            <option value="day">On a day</option>
          </Select>
        )}
      </Field>
      {choice === 'day' && (
        <TextField label="Day" error={error} type="date" min={inDays(1)} value={value} onChange={onChange} />
      )}
    </div>
  );
}

type NumberField = 'perMinute' | 'burst' | 'atOnce' | 'maxCost' | 'maxTokens';

function Limits({ form, errors, set }: { form: KeyForm; errors: KeyErrors; set: SetForm }) {
  const number = (name: NumberField, label: string, hint: string) => (
    <TextField
      label={label}
      hint={hint}
      error={errors[name]}
      inputMode="decimal"
      placeholder="none"
      value={form[name]}
      onChange={(text) => set({ [name]: text })}
    />
  );
  const wrong =
    errors.perMinute ?? errors.burst ?? errors.atOnce ?? errors.maxCost ?? errors.maxTokens ?? errors.origins;
  return (
    <details className={style.more} open={wrong ? true : undefined}>
      <summary>Limits, budget, browsers</summary>
      <div className={style.triple}>
        {number('perMinute', 'Starts a minute', 'come back evenly')}
        {number('burst', 'In one go', 'as many as a minute')}
        {number('atOnce', 'Runs at once', 'open at a time')}
      </div>
      <div className={style.triple}>
        {number('maxCost', 'Budget in $', 'of paid calls')}
        {number('maxTokens', 'Budget in tokens', 'in and out')}
        <Field label="Each">
          {(ids) => (
            <Select {...ids} value={form.per} onChange={(event) => set({ per: event.target.value as KeyForm['per'] })}>
              <option value="day">day (UTC)</option>
              <option value="month">month (UTC)</option>
            </Select>
          )}
        </Field>
      </div>
      <Origins form={form} error={errors.origins} set={set} />
    </details>
  );
}

function Origins({ form, error, set }: { form: KeyForm; error?: string; set: SetForm }) {
  return (
    <TextAreaField
      label="Pages that may read answers"
      hint="Origins such as https://app.example.com, one a line. A page must not hold the key: give it a token."
      error={error}
      mono
      rows={2}
      spellCheck={false}
      value={form.origins}
      onChange={(origins) => set({ origins })}
    />
  );
}
