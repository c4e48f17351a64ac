import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Eye, EyeOff, KeyRound } from 'lucide-react';
import { type ComponentProps, type FormEvent, useState } from 'react';
import { ApiError, api, BASE, body } from '../api/client';
import { session } from '../api/session';
import { Button } from '../ui/Button';
import { Checkbox, Field, Input } from '../ui/Field';
import { Logo } from './Logo';
import style from './SignIn.module.css';

/** Asks for a key and tries it. */
export function KeyForm() {
  const [key, setKey] = useState('');
  const [keep, setKeep] = useState(session.key() !== null);
  const { busy, error, forget, signIn } = useSignIn();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void signIn(key.trim(), keep);
  };
  return (
    <form className={style.form} onSubmit={submit}>
      <Field label="Key" error={error}>
        {(ids) => (
          <KeyInput
            {...ids}
            value={key}
            onChange={(event) => {
              setKey(event.target.value);
              forget();
            }}
          />
        )}
      </Field>
      <div className={style.keep}>
        <Checkbox label="Keep it for this tab" checked={keep} onChange={(event) => setKeep(event.target.checked)} />
        <span>never in a URL or cookie</span>
      </div>
      <Button look="primary" type="submit" busy={busy}>
        Sign in
      </Button>
    </form>
  );
}

/** Tries a key at the server, and signs in with it if it is good. */
function useSignIn() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const queries = useQueryClient();
  const signIn = async (key: string, keep: boolean) => {
    if (!key) return setError('Paste a key first.');
    setBusy(true);
    try {
      await body(api.GET('/v1/keys/self', { headers: { Authorization: `Bearer ${key}` } }));
      session.signIn(key, keep);
      await queries.invalidateQueries();
    } catch (failure) {
      setError(explain(failure));
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, forget: () => setError(null), signIn };
}

/** A field whose dots can be made readable. */
function KeyInput(props: ComponentProps<'input'>) {
  const [shown, setShown] = useState(false);
  return (
    <span className={style.key}>
      <Input
        {...props}
        mono
        icon={<KeyRound aria-hidden />}
        type={shown ? 'text' : 'password'}
        autoComplete="off"
        spellCheck={false}
        placeholder="fg_…"
      />
      <Button
        look="quiet"
        size="small"
        icon={shown ? <EyeOff /> : <Eye />}
        aria-label={shown ? 'Hide the key' : 'Show the key'}
        onClick={() => setShown(!shown)}
      />
    </span>
  );
}

function explain(failure: unknown): string {
  if (!(failure instanceof ApiError)) return 'This key cannot be sent: it has characters that no key has.';
  if (failure.isOffline) return 'The server does not answer. Is it running?';
  if (failure.status === 401) return 'No such key: it is wrong, revoked or expired.';
  return failure.message;
}

export function SignIn() {
  const health = useQuery({ queryKey: ['health'], queryFn: () => body(api.GET('/health')) });
  return (
    <main className={style.page}>
      <div className={style.card}>
        <header className={style.head}>
          <Logo size={36} />
          <div>
            <h1>Flowgate</h1>
            <p>
              {new URL(BASE).host}
              {health.data && ` · ${health.data.version}`}
            </p>
          </div>
        </header>
        <KeyForm />
      </div>
      <p className={style.help}>
        <b>No key yet?</b> <code>flowgate serve</code> prints the admin key at its first start, unless it was given one
        as <code>FLOWGATE_ADMIN_KEY</code>. On AWS an output of the stack says how to read it. With it, make one key for
        each person and program.
      </p>
    </main>
  );
}
