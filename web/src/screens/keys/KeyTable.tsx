import { useQuery } from '@tanstack/react-query';
import { Ban, Info, ListTree, RefreshCw } from 'lucide-react';
import { useLocation } from 'wouter';
import { barsOf, describeBars, startOf } from '../../api/range';
import { statsOf } from '../../api/stats';
import { useBlocked } from '../../app/useSession';
import { Chip } from '../../ui/Chip';
import { formatAgo, formatDate, formatDateTime } from '../../ui/format';
import { Menu } from '../../ui/Menu';
import { type Bar, Sparkline } from '../../ui/Sparkline';
import { Status } from '../../ui/Status';
import { type Column, Table } from '../../ui/Table';
import type { KeyDialog } from './KeyDialogs';
import style from './Keys.module.css';
import { type Key, limitsText, phaseOf, stateWord, workflowsText } from './keyState';

type Props = {
  keys: Key[];
  all: Key[];
  nameOf: (id: string) => string;
  onDialog: (dialog: KeyDialog) => void;
};

export function KeyTable({ keys, all, nameOf, onDialog }: Props) {
  const bars = useStarts();
  const replaced = new Set(all.map((key) => key.rotated_from));
  const columns: Column<Key>[] = [
    { id: 'name', head: 'Name', cell: (key) => <Name of={key} onDialog={onDialog} /> },
    { id: 'workflows', head: 'Workflows', hideBelow: 'phone', cell: (key) => workflowsText(key.workflows, nameOf) },
    { id: 'scopes', head: 'Scopes', hideBelow: 'phone', cell: (key) => <Scopes of={key} /> },
    { id: 'limits', head: 'Limits', hideBelow: 'tablet', cell: limitsText },
    { id: 'starts', head: 'Runs, 7 d', hideBelow: 'tablet', cell: ({ id }) => <Starts bars={bars?.(id)} /> },
    { id: 'used', head: 'Last used', hideBelow: 'phone', cell: (key) => <LastUsed at={key.last_used_at} /> },
    { id: 'expires', head: 'Expires', hideBelow: 'tablet', cell: ({ expires_at }) => expiry(expires_at) },
    { id: 'state', head: 'State', cell: (key) => <KeyState of={key} replaced={replaced.has(key.id)} /> },
    {
      id: 'more',
      head: <span className="visually-hidden">More</span>,
      numeric: true,
      width: '40px',
      cell: (key) => <KeyMenu of={key} onDialog={onDialog} />,
    },
  ];
  return (
    <Table
      label="Keys"
      columns={columns}
      rows={keys}
      rowKey={(key) => key.id}
      rowClass={(key) => (phaseOf(key) === 'ended' ? style.ended : undefined)}
    />
  );
}

/** The runs of each key by day; nothing where the numbers are not to be had. */
function useStarts(): ((id: string) => Bar[]) | null {
  const from = startOf('7d');
  const { data } = useQuery(statsOf({ from: from.toISOString(), step: 'hour', by: 'key' }));
  if (!data) return null;
  return (id) => {
    const halves = barsOf(
      data.items.filter((item) => item.name === id),
      '7d',
      from,
    );
    return halves.some((bar) => bar.runs) ? halves : [];
  };
}

const Starts = ({ bars }: { bars: Bar[] | undefined }) =>
  bars && <Sparkline bars={bars} width={58} label={describeBars(bars, '7d')} />;

const LastUsed = ({ at }: { at: Key['last_used_at'] }) =>
  at ? <span title={formatDateTime(at)}>{formatAgo(at)}</span> : 'never';

const expiry = (at: Key['expires_at']) => (at ? formatDate(at) : 'never');

function Name({ of: key, onDialog }: { of: Key; onDialog: Props['onDialog'] }) {
  return (
    <span className={style.name}>
      <button type="button" onClick={() => onDialog({ kind: 'details', key })}>
        {key.name}
      </button>
      <code>fg_{key.id}_…</code>
    </span>
  );
}

export const Scopes = ({ of: { scopes } }: { of: Pick<Key, 'scopes'> }) => (
  <span className={style.scopes}>
    {scopes.map((scope) => (
      <Chip key={scope}>{scope}</Chip>
    ))}
  </span>
);

export function KeyState({ of: key, replaced }: { of: Key; replaced: boolean }) {
  const phase = phaseOf(key);
  const state = { active: 'succeeded', ending: 'waiting', ended: 'cancelled' } as const;
  return <Status state={state[phase]} word={stateWord(key, replaced)} />;
}

function KeyMenu({ of: key, onDialog }: { of: Key; onDialog: Props['onDialog'] }) {
  const blocked = useBlocked()('admin');
  const [, navigate] = useLocation();
  const ended = phaseOf(key) === 'ended' ? 'The key has ended.' : null;
  return (
    <Menu
      label={`More for ${key.name}`}
      items={[
        { label: 'Details', icon: <Info />, onSelect: () => onDialog({ kind: 'details', key }) },
        { label: 'Its runs', icon: <ListTree />, onSelect: () => navigate(`/runs?key=${key.id}`) },
        {
          label: 'Rotate …',
          icon: <RefreshCw />,
          blocked: blocked ?? ended,
          onSelect: () => onDialog({ kind: 'rotate', key }),
        },
        {
          label: 'Revoke …',
          icon: <Ban />,
          danger: true,
          blocked: blocked ?? ended,
          onSelect: () => onDialog({ kind: 'revoke', key }),
        },
      ]}
    />
  );
}
