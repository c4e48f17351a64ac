import { useQuery } from '@tanstack/react-query';
import { ListFilter, Lock, LogIn as LogInIcon, Plus } from 'lucide-react';
import { useState } from 'react';
import { api, body } from '../../api/client';
import { usePageActions } from '../../app/actions';
import { Loaded } from '../../app/Loaded';
import { useParam } from '../../app/useParam';
import { useBlocked } from '../../app/useSession';
import { Button } from '../../ui/Button';
import { Empty } from '../../ui/Empty';
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
  const logIn = () => setDialog({ kind: 'login', secret: null });
  usePageActions([
    { id: 'add-secret', label: 'Add secret', shortcut: 'c', blocked, run: add },
    { id: 'log-in-secret', label: 'Log in at a vendor', blocked, run: logIn },
  ]);
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
      <Loaded of={secrets} what="the secrets" rows={6}>
        {({ items }) =>
          items.length ? <SecretsList secrets={items} onDialog={setDialog} /> : <NoSecret onAdd={add} />
        }
      </Loaded>
      {dialog && <Dialogs dialog={dialog} secrets={secrets.data?.items ?? []} onClose={() => setDialog(null)} />}
    </Page>
  );
}

const NoSecret = ({ onAdd }: { onAdd: () => void }) => (
  <Empty icon={<Lock />} title="No secret yet" actions={<Button onClick={onAdd}>Add secret</Button>}>
    Add a provider’s key, such as <code>OPENAI_API_KEY</code>, and models use it. In a document write{' '}
    <code>{'{{NAME}}'}</code> where a call needs one.
  </Empty>
);

type DialogsProps = { dialog: SecretDialog; secrets: Secret[]; onClose: () => void };

function Dialogs({ dialog, secrets, onClose }: DialogsProps) {
  switch (dialog.kind) {
    case 'put':
      return <PutSecret secret={dialog.secret} taken={secrets.map(({ name }) => name)} onClose={onClose} />;
    case 'login':
      return <LogIn secret={dialog.secret} onClose={onClose} />;
    case 'uses':
      return <SecretUses secret={dialog.secret} onClose={onClose} />;
    case 'delete':
      return <DeleteSecret secret={dialog.secret} onClose={onClose} />;
  }
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
