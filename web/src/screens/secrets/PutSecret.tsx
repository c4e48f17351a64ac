import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { api } from '../../api/client';
import { useKnownWorkflows } from '../../api/workflows';
import { announce } from '../../app/announce';
import { CheckList } from '../../ui/CheckList';
import { Dialog } from '../../ui/Dialog';
import { DialogFoot } from '../../ui/DialogFoot';
import { Field, Select } from '../../ui/Field';
import { Note } from '../../ui/Note';
import { TextAreaField, TextField } from '../../ui/TextField';
import style from './Secrets.module.css';
import { EMPTY, formOf, type Reach, readForm, type Secret, type SecretErrors, type SecretForm } from './secretForm';

type Props = { secret: Secret | null; taken: string[]; onClose: () => void };

/** Adds a secret, or replaces one with all that belongs to it. */
export function PutSecret({ secret, taken, onClose }: Props) {
  const id = useId();
  const [form, setForm] = useState<SecretForm>(secret ? formOf(secret) : EMPTY);
  const [errors, setErrors] = useState<SecretErrors>({});
  const put = usePut(onClose);
  const set = (fields: Partial<SecretForm>) => {
    setForm({ ...form, ...fields });
    setErrors({});
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = readForm(form, secret ? [] : taken);
    if ('errors' in read) setErrors(read.errors);
    else put.mutate(read);
  };
  return (
    <Dialog
      title={secret ? `Replace ${secret.name}` : 'Add secret'}
      lead={
        secret
          ? 'Later calls use the new value, in runs in flight too. The old one is gone.'
          : 'It is stored sealed. You cannot see it again, but you can replace it.'
      }
      onClose={onClose}
      footer={
        <DialogFoot type="submit" form={id} busy={put.isPending} onClose={onClose}>
          {secret ? 'Replace' : 'Add secret'}
        </DialogFoot>
      }
    >
      <form id={id} className={style.form} onSubmit={submit} noValidate autoComplete="off">
        <SecretFields form={form} errors={errors} replaces={secret !== null} onChange={set} />
        <ReachFields form={form} error={errors.workflows} onChange={set} />
        {put.error && <Note tone="bad">{put.error.message}</Note>}
      </form>
    </Dialog>
  );
}

type FieldsProps = {
  form: SecretForm;
  errors: SecretErrors;
  replaces: boolean;
  onChange: (fields: Partial<SecretForm>) => void;
};

function SecretFields({ form, errors, replaces, onChange: set }: FieldsProps) {
  return (
    <>
      {!replaces && (
        <TextField
          label="Name"
          hint="As documents write it: {{NAME}}. Models look for OPENAI_API_KEY and the like."
          error={errors.name}
          mono
          spellCheck={false}
          placeholder="CRM_TOKEN"
          value={form.name}
          onChange={(name) => set({ name: name.trim() })}
        />
      )}
      <TextField
        label={replaces ? 'New value' : 'Value'}
        error={errors.value}
        mono
        type="password"
        autoComplete="new-password"
        value={form.value}
        onChange={(value) => set({ value })}
      />
      <TextAreaField
        label="May be sent to"
        aside="optional"
        hint="Hosts, one a line: api.example.com, localhost:8080, *.example.com. Without them: the host in the author’s URL."
        error={errors.hosts}
        mono
        rows={2}
        spellCheck={false}
        value={form.hosts}
        onChange={(hosts) => set({ hosts })}
      />
    </>
  );
}

function usePut(onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ name, secret }: Extract<ReturnType<typeof readForm>, { name: string }>) =>
      api.PUT('/v1/secrets/{name}', { params: { path: { name } }, body: secret }),
    onSuccess: async (_, { name }) => {
      await queries.invalidateQueries({ queryKey: ['secrets'] });
      announce(`${name} is stored`);
      onDone();
    },
  });
}

type ReachProps = { form: SecretForm; error?: string; onChange: (fields: Partial<SecretForm>) => void };

function ReachFields({ form, error, onChange }: ReachProps) {
  const workflows = useKnownWorkflows();
  return (
    <>
      <Field label="May be used by" error={error}>
        {(ids) => (
          <Select {...ids} value={form.reach} onChange={(event) => onChange({ reach: event.target.value as Reach })}>
            <option value="published">versions that an author of all workflows publishes</option>
            <option value="some">some workflows, whoever publishes them</option>
            <option value="all">all workflows, whoever publishes them</option>
          </Select>
        )}
      </Field>
      {form.reach === 'some' && (
        <fieldset className={style.workflows}>
          <legend className="visually-hidden">Workflows</legend>
          <CheckList of={workflows} chosen={form.workflows} onChange={(workflows) => onChange({ workflows })} />
        </fieldset>
      )}
    </>
  );
}
