import { useQuery } from '@tanstack/react-query';
import { ListFilter, Lock, LogIn as LogInIcon, Plus } from 'lucide-react';
import { useState } from 'react';
import { api, body } from '../../api/client';
import { usePageActions } from '../../app/actions';
import { Failure } from '../../app/Failure';
import { useParam } from '../../app/useParam';
import { useBlocked } from '../../app/useSession';
import { Button } from '../../ui/Button';
import { Empty, Skeleton } from '../../ui/Empty';
import { Filter } from '../../ui/Filter';
import { Page } from '../../ui/Page';
import { Toolbar } from '../../ui/Toolbar';
import { DeleteSecret } from './DeleteSecret';
import { LogIn } from './LogIn';
import { PutSecret } from './PutSecret';
import { SecretTable } from './SecretTable';
import { SecretUses } from './SecretUses';
import type { Secret } from './secretForm';

export type SecretDialog =
  | { kind: 'put'; secret: Secret | null }
  | { kind: 'login'; secret: Secret | null }
  | { kind: 'uses'; secret: Secret }
  | { kind: 'delete'; secret: Secret };

export default function Secrets() {
  const secrets = useQuery({ queryKey: ['secrets'], queryFn: () => body(api.GET('/v1/secrets')) });
  const blocked = useBlocked()('author');
  const [dialog, setDialog] = useState<SecretDialog | null>(null);
  const add = () => setDialog({ kind: 'put', secret: null });
  const close = () => setDialog(null);
  const logIn = () => setDialog({ kind: 'login', secret: null });
  usePageActions([
    { id: 'add-secret', label: 'Add secret', shortcut: 'c', blocked, run: add },
    { id: 'log-in-secret', label: 'Log in at a vendor', blocked, run: logIn },
  ]);
  const items = secrets.data?.items;
  return (
    <Page
      title="Secrets"
      lead="Keys of providers and other servers. A value goes in and never comes out: calls get it, nobody can read it."
      actions={
        <>
          <Button icon={<LogInIcon />} blocked={blocked} onClick={logIn}>
            Log in
          </Button>
          <Button look="primary" icon={<Plus />} shortcut="C" blocked={blocked} onClick={add}>
            Add secret
          </Button>
        </>
      }
    >
      {items?.length ? (
        <SecretsList secrets={items} onDialog={setDialog} />
      ) : items ? (
        <Empty icon={<Lock />} title="No secret yet" actions={<Button onClick={add}>Add secret</Button>}>
          Add a provider’s key, such as <code>OPENAI_API_KEY</code>, and models use it. In a document write{' '}
          <code>{'{{NAME}}'}</code> where a call needs one.
        </Empty>
      ) : secrets.isError ? (
        <Failure error={secrets.error} what="the secrets" onRetry={secrets.refetch} />
      ) : (
        <Skeleton rows={6} />
      )}
      {dialog?.kind === 'login' && <LogIn secret={dialog.secret} onClose={close} />}
      {dialog?.kind === 'put' && (
        <PutSecret secret={dialog.secret} taken={(items ?? []).map((secret) => secret.name)} onClose={close} />
      )}
      {dialog?.kind === 'uses' && <SecretUses secret={dialog.secret} onClose={close} />}
      {dialog?.kind === 'delete' && <DeleteSecret secret={dialog.secret} onClose={close} />}
    </Page>
  );
}

type ListProps = { secrets: Secret[]; onDialog: (dialog: SecretDialog) => void };

function SecretsList({ secrets, onDialog }: ListProps) {
  const [text, setText] = useParam('q');
  const wanted = text.trim().toLowerCase();
  const found = secrets.filter(({ name, hosts, workflows }) =>
    `${name} ${hosts.join(' ')} ${workflows}`.toLowerCase().includes(wanted),
  );
  return (
    <>
      <Toolbar>
        <Filter label="Filter by name, host or workflow" value={text} onChange={setText} />
      </Toolbar>
      {found.length ? (
        <SecretTable secrets={found} onDialog={onDialog} />
      ) : (
        <Empty
          icon={<ListFilter />}
          title="No secret matches"
          actions={<Button onClick={() => setText('')}>Show all {secrets.length}</Button>}
        />
      )}
    </>
  );
}
