import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ExternalLink, LoaderCircle } from 'lucide-react';
import { type FormEvent, useEffect, useId, useState } from 'react';
import { api, body, type Schemas, unlessMissing } from '../../api/client';
import { type Kinds, readKinds } from '../../api/documents';
import { announce } from '../../app/announce';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { DialogFoot } from '../../ui/DialogFoot';
import { Field, Select } from '../../ui/Field';
import { Note } from '../../ui/Note';
import { TextField } from '../../ui/TextField';
import style from './Secrets.module.css';
import type { Secret } from './secretForm';

type Form = { connector: string; name: string; clientId: string; clientSecret: string };
/** `before`: when somebody logged in last. */
type Begun = Schemas['BegunLogin'] & { name: string; before: string | null };

const POLL_MS = 2_000;

/** Logs in at a vendor: the secret becomes an access token, which the server renews. */
export function LogIn({ secret, onClose }: { secret: Secret | null; onClose: () => void }) {
  const id = useId();
  const begin = useBegin();
  return (
    <Dialog
      title={secret ? `Log in again: ${secret.name}` : 'Log in at a vendor'}
      lead="The secret becomes an access token. Flowgate renews it, and nobody can read it."
      onClose={onClose}
      footer={
        begin.data ? (
          <Button look="quiet" onClick={onClose}>
            Close
          </Button>
        ) : (
          <DialogFoot type="submit" form={id} busy={begin.isPending} onClose={onClose}>
            Continue
          </DialogFoot>
        )
      }
    >
      {begin.data ? (
        <Waiting begun={begin.data} onDone={onClose} />
      ) : (
        <ClientForm id={id} secret={secret} error={begin.error} onSubmit={begin.mutate} />
      )}
    </Dialog>
  );
}

function useBegin() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ connector, name, clientId, clientSecret }: Form): Promise<Begun> => {
      const params = { path: { name } };
      const stored = await storedSecret(name);
      const client = { connector, client_id: clientId, client_secret: clientSecret || null };
      // Where a secret may go, and for whom, stays as it is.
      const login = { ...client, hosts: stored?.hosts ?? null, workflows: stored?.workflows ?? null };
      const begun = await body(api.POST('/v1/secrets/{name}/login', { params, body: login }));
      return { ...begun, name, before: stored?.login?.logged_in_at ?? null };
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['secrets'] }),
  });
}

const storedSecret = (name: string) =>
  unlessMissing(body(api.GET('/v1/secrets/{name}', { params: { path: { name } } })));

type FormProps = { id: string; secret: Secret | null; error: Error | null; onSubmit: (form: Form) => void };

function ClientForm({ id, secret, error, onSubmit }: FormProps) {
  const { connectors, error: unread } = useLogins();
  const failure = error ?? unread;
  const [form, setForm] = useState<Form>({ connector: '', name: '', clientId: '', clientSecret: '' });
  const [tried, setTried] = useState(false);
  const isMissing = tried && !form.clientId.trim();
  const set = (fields: Partial<Form>) => setForm({ ...form, ...fields });
  const vendor =
    connectors.find(({ name }) => name === form.connector) ??
    connectors.find(({ secret: name }) => name === secret?.name) ??
    connectors[0];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!vendor || !form.clientId.trim()) return;
    const name = secret?.name ?? (form.name || vendor.secret);
    onSubmit({ ...form, connector: vendor.name, name, clientId: form.clientId.trim() });
  };
  return (
    <form id={id} className={style.form} onSubmit={submit} noValidate autoComplete="off">
      <VendorField vendor={vendor} vendors={connectors} onChange={(connector) => set({ connector })} />
      <ClientFields
        form={form}
        fallback={secret?.name ?? vendor?.secret ?? ''}
        fixed={!!secret}
        isMissing={isMissing}
        onChange={set}
      />
      {failure && <Note tone="bad">{failure.message}</Note>}
    </form>
  );
}

type Vendor = Kinds['connectors'][number];
type VendorProps = { vendor: Vendor | undefined; vendors: Vendor[]; onChange: (name: string) => void };

const VendorField = ({ vendor, vendors, onChange }: VendorProps) => (
  <Field label="Vendor" hint={vendor?.summary}>
    {(ids) => (
      <Select {...ids} disabled={!vendor} value={vendor?.name} onChange={(event) => onChange(event.target.value)}>
        {vendors.map(({ name }) => (
          <option key={name} value={name}>
            {name.replace(/_/g, ' ')}
          </option>
        ))}
      </Select>
    )}
  </Field>
);

/** The vendors at which somebody can log in with a browser. */
function useLogins() {
  const kinds = useQuery({ queryKey: ['kinds'], queryFn: readKinds, staleTime: Number.POSITIVE_INFINITY });
  const connectors = kinds.data?.connectors.filter((connector) => connector.has_login) ?? [];
  return { connectors, error: kinds.error };
}

type FieldsProps = {
  form: Form;
  fallback: string;
  fixed: boolean;
  isMissing: boolean;
  onChange: (fields: Partial<Form>) => void;
};

function ClientFields({ form, fallback, fixed, isMissing, onChange: set }: FieldsProps) {
  return (
    <>
      {!fixed && (
        <TextField
          label="Secret"
          hint="Nodes of the vendor look for this name."
          mono
          spellCheck={false}
          placeholder={fallback}
          value={form.name}
          onChange={(name) => set({ name: name.trim() })}
        />
      )}
      <TextField
        label="Client id"
        hint="Of the application that you registered at the vendor."
        error={isMissing ? 'Paste the id that the vendor gave your application.' : undefined}
        mono
        value={form.clientId}
        onChange={(clientId) => set({ clientId })}
      />
      <TextField
        label="Client secret"
        aside="optional"
        mono
        type="password"
        autoComplete="new-password"
        value={form.clientSecret}
        onChange={(clientSecret) => set({ clientSecret })}
      />
    </>
  );
}

type WaitingProps = { begun: Begun; onDone: () => void };

function Waiting({ begun, onDone }: WaitingProps) {
  const at = useLoggedInAt(begun.name);
  const hasEnded = useHasEnded(begun.ends_at);
  const queries = useQueryClient();
  useEffect(() => {
    if (!at || at === begun.before) return;
    announce(`${begun.name} is logged in`);
    void queries.invalidateQueries({ queryKey: ['secrets'] });
    onDone();
  }, [at, begun, queries, onDone]);
  return (
    <div className={style.form}>
      <p>
        The application at the vendor must name this address:{' '}
        <code className={style.address}>{begun.redirect_uri}</code>
      </p>
      {hasEnded && <Note tone="warn">The time for this login is over. Close this and begin again.</Note>}
      <a className={style.vendor} href={begun.url} target="_blank" rel="noopener noreferrer" data-first>
        <ExternalLink aria-hidden />
        Open the vendor’s page and log in
      </a>
      <p className={style.waiting} role="status">
        <LoaderCircle aria-hidden /> Waiting for the login … This closes when it has ended.
      </p>
    </div>
  );
}

function useHasEnded(endsAt: string): boolean {
  const [hasEnded, setEnded] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setEnded(true), Math.max(0, new Date(endsAt).getTime() - Date.now()));
    return () => clearTimeout(timer);
  }, [endsAt]);
  return hasEnded;
}

function useLoggedInAt(name: string) {
  const params = { path: { name } };
  const secret = useQuery({
    queryKey: ['secrets', name],
    queryFn: () => body(api.GET('/v1/secrets/{name}', { params })),
    refetchInterval: POLL_MS,
  });
  return secret.data?.login?.logged_in_at ?? null;
}
