import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Schemas } from '../../../api/client';
import { getKeysOf } from '../../../api/workflow';
import { useBlocked } from '../../../app/useSession';
import { Button } from '../../../ui/Button';
import { Chip } from '../../../ui/Chip';
import { Skeleton } from '../../../ui/Empty';
import { formatAgo } from '../../../ui/format';
import { lazily } from '../../../ui/lazily';
import { type Column, Table } from '../../../ui/Table';
import style from './Api.module.css';
import { Section } from './Section';

type Key = Schemas['Key'];

const COLUMNS: Column<Key>[] = [
  { id: 'name', head: 'Name', cell: (key) => key.name },
  { id: 'id', head: 'Key', cell: (key) => <code className={style.faint}>fg_{key.id}_…</code>, hideBelow: 'phone' },
  {
    id: 'scopes',
    head: 'May',
    cell: (key) => (
      <span className={style.chips}>
        {key.scopes.map((scope) => (
          <Chip key={scope}>{scope}</Chip>
        ))}
      </span>
    ),
  },
  {
    id: 'used',
    head: 'Last used',
    numeric: true,
    cell: (key) => <span className={style.faint}>{key.last_used_at ? formatAgo(key.last_used_at) : 'never'}</span>,
  },
];

/** Keys that may call the workflow, and a way to make one. */
export function KeysPart({ workflowId }: { workflowId: string }) {
  const blocked = useBlocked()('admin');
  const [creating, setCreating] = useState(false);
  const queries = useQueryClient();
  const close = () => {
    setCreating(false);
    queries.invalidateQueries({ queryKey: ['keys'] });
  };
  return (
    <Section
      title="Keys that may call it"
      actions={
        <Button icon={<Plus />} size="small" blocked={blocked} onClick={() => setCreating(true)}>
          Create key
        </Button>
      }
    >
      {blocked ? <p className={style.faint}>{blocked}</p> : <Keys workflowId={workflowId} />}
      {creating && <NewKey workflowId={workflowId} onClose={close} />}
    </Section>
  );
}

function Keys({ workflowId }: { workflowId: string }) {
  const keys = useQuery({ queryKey: ['keys', { workflow: workflowId }], queryFn: () => getKeysOf(workflowId) });
  if (keys.data) return <List keys={keys.data} />;
  return keys.error ? <p className={style.bad}>{keys.error.message}</p> : <Skeleton rows={3} />;
}

function List({ keys }: { keys: Key[] }) {
  const now = Date.now();
  const live = keys.filter((key) => !key.ends_at || Date.parse(key.ends_at) > now);
  if (!live.length) return <p className={style.faint}>None yet. Callers need one with the scope run.</p>;
  return (
    <>
      <Table dense label="Keys" columns={COLUMNS} rows={live} rowKey={(key) => key.id} />
      <p>
        <Link href="/keys">All keys</Link>
      </p>
    </>
  );
}

const NewKey = lazily(() => import('./NewKey'));
