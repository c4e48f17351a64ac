import { LogIn, RefreshCw, Search, Trash2 } from 'lucide-react';
import { useWorkflowName } from '../../api/workflows';
import { useBlocked } from '../../app/useSession';
import { Chip } from '../../ui/Chip';
import { formatAgo, formatDateTime } from '../../ui/format';
import { Menu, type MenuItem } from '../../ui/Menu';
import { type Column, Table } from '../../ui/Table';
import type { SecretDialog } from './Secrets';
import style from './Secrets.module.css';
import { reachText, type Secret } from './secretForm';

type Props = { secrets: Secret[]; onDialog: (dialog: SecretDialog) => void };

export function SecretTable({ secrets, onDialog }: Props) {
  const nameOf = useWorkflowName();
  const columns: Column<Secret>[] = [
    { id: 'name', head: 'Name', cell: (secret) => <Name of={secret} onDialog={onDialog} /> },
    { id: 'value', head: 'Value', cell: (secret) => <Value of={secret} /> },
    { id: 'hosts', head: 'May be sent to', hideBelow: 'phone', cell: (secret) => <Hosts of={secret} /> },
    { id: 'workflows', head: 'May be used by', hideBelow: 'tablet', cell: (secret) => reachText(secret, nameOf) },
    {
      id: 'updated',
      head: 'Updated',
      cell: ({ updated_at }) => <span title={formatDateTime(updated_at)}>{formatAgo(updated_at)}</span>,
    },
    {
      id: 'more',
      head: <span className="visually-hidden">More</span>,
      numeric: true,
      width: '40px',
      cell: (secret) => <More of={secret} onDialog={onDialog} />,
    },
  ];
  return <Table label="Secrets" columns={columns} rows={secrets} rowKey={(secret) => secret.name} />;
}

type CellProps = { of: Secret; onDialog: Props['onDialog'] };

const Name = ({ of: secret, onDialog }: CellProps) => (
  <button type="button" className={style.name} onClick={() => onDialog({ kind: 'uses', secret })}>
    <code>{secret.name}</code>
  </button>
);

function More({ of: secret, onDialog }: CellProps) {
  const blocked = useBlocked()('author');
  const open = (kind: SecretDialog['kind']) => () => onDialog({ kind, secret });
  const again = { label: 'Log in again …', icon: <LogIn />, blocked, onSelect: open('login') };
  const items: MenuItem[] = [
    { label: 'Where it is used', icon: <Search />, onSelect: open('uses') },
    ...(secret.login?.kind === 'oauth2' ? [again] : []),
    { label: 'Replace …', icon: <RefreshCw />, blocked, onSelect: open('put') },
    { label: 'Delete …', icon: <Trash2 />, danger: true, blocked, onSelect: open('delete') },
  ];
  return <Menu label={`More for ${secret.name}`} items={items} />;
}

const Hosts = ({ of: { hosts } }: { of: Secret }) =>
  hosts.length ? <code>{hosts.join(', ')}</code> : 'The host in the author’s URL';

/** Text, or a login and how it stands. */
function Value({ of: { login } }: { of: Secret }) {
  if (!login) return 'text';
  if (login.expired_at) return <Chip look="outline">login expired</Chip>;
  return login.logged_in_at ? 'login' : <Chip look="outline">nobody logged in</Chip>;
}
