import { RefreshCw, Search, Trash2 } from 'lucide-react';
import { useWorkflowName } from '../../api/workflows';
import { useBlocked } from '../../app/useSession';
import { formatAgo, formatDateTime } from '../../ui/format';
import { Menu } from '../../ui/Menu';
import { type Column, Table } from '../../ui/Table';
import type { SecretDialog } from './Secrets';
import style from './Secrets.module.css';
import { reachText, type Secret } from './secretForm';

type Props = { secrets: Secret[]; onDialog: (dialog: SecretDialog) => void };

export function SecretTable({ secrets, onDialog }: Props) {
  const nameOf = useWorkflowName();
  const blocked = useBlocked()('author');
  const columns: Column<Secret>[] = [
    {
      id: 'name',
      head: 'Name',
      cell: (secret) => (
        <button type="button" className={style.name} onClick={() => onDialog({ kind: 'uses', secret })}>
          <code>{secret.name}</code>
        </button>
      ),
    },
    { id: 'hosts', head: 'May be sent to', hideBelow: 'phone', cell: (secret) => <Hosts of={secret} /> },
    {
      id: 'workflows',
      head: 'May be used by',
      hideBelow: 'tablet',
      cell: (secret) => reachText(secret, nameOf),
    },
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
      cell: (secret) => (
        <Menu
          label={`More for ${secret.name}`}
          items={[
            { label: 'Where it is used', icon: <Search />, onSelect: () => onDialog({ kind: 'uses', secret }) },
            {
              label: 'Replace …',
              icon: <RefreshCw />,
              blocked,
              onSelect: () => onDialog({ kind: 'put', secret }),
            },
            {
              label: 'Delete …',
              icon: <Trash2 />,
              danger: true,
              blocked,
              onSelect: () => onDialog({ kind: 'delete', secret }),
            },
          ]}
        />
      ),
    },
  ];
  return <Table label="Secrets" columns={columns} rows={secrets} rowKey={(secret) => secret.name} />;
}

const Hosts = ({ of: { hosts } }: { of: Secret }) =>
  hosts.length ? <code>{hosts.join(', ')}</code> : 'The host in the author’s URL';
