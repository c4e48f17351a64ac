import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { api } from '../../api/client';
import { useKnownWorkflows } from '../../api/workflows';
import { announce } from '../../app/announce';
import { Dialog } from '../../ui/Dialog';
import { DialogFoot } from '../../ui/DialogFoot';
import { Checkbox, Field, Input, Select, Textarea } from '../../ui/Field';
import { Note } from '../../ui/Note';
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
        <Field
          label="Name"
          hint="As documents write it: {{NAME}}. Models look for OPENAI_API_KEY and the like."
          error={errors.name}
        >
          {(ids) => (
            <Input
              {...ids}
              mono
              spellCheck={false}
              placeholder="CRM_TOKEN"
              value={form.name}
              onChange={(event) => set({ name: event.target.value.trim() })}
            />
          )}
        </Field>
      )}
      <Field label={replaces ? 'New value' : 'Value'} error={errors.value}>
        {(ids) => (
          <Input
            {...ids}
            mono
            type="password"
            autoComplete="new-password"
            value={form.value}
            onChange={(event) => set({ value: event.target.value })}
          />
        )}
      </Field>
      <Field
        label="May be sent to"
        aside="optional"
        hint="Hosts, one a line: api.example.com, localhost:8080, *.example.com. Without them: the host in the author’s URL."
        error={errors.hosts}
      >
        {(ids) => (
          <Textarea
            {...ids}
            mono
            rows={2}
            spellCheck={false}
            value={form.hosts}
            onChange={(event) => set({ hosts: event.target.value })}
          />
        )}
      </Field>
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
  const toggle = (id: string) =>
    onChange({
      workflows: form.workflows.includes(id) ? form.workflows.filter((one) => one !== id) : [...form.workflows, id],
    });
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
          {workflows.map(({ id, name }) => (
            <Checkbox
              key={id}
              checked={form.workflows.includes(id)}
              onChange={() => toggle(id)}
              label={
                <>
                  {name} <code>{id}</code>
                </>
              }
            />
          ))}
        </fieldset>
      )}
    </>
  );
}
