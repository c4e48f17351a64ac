import { FileText, GitCompareArrows, RotateCcw } from 'lucide-react';
import type { Schemas } from '../../../api/client';
import { Button } from '../../../ui/Button';
import { Chip } from '../../../ui/Chip';
import { formatAgo, formatDateTime } from '../../../ui/format';
import { Menu } from '../../../ui/Menu';
import { Status } from '../../../ui/Status';
import { type Column, Table } from '../../../ui/Table';
import { useNarrow } from '../../../ui/useNarrow';
import style from './Versions.module.css';

export type Listed = Schemas['Version'];

type Props = {
  listed: Listed[];
  active: string | null;
  chosen: string[];
  onChosen: (chosen: string[]) => void;
  nameOfKey: (id: string) => string;
  blocked: string | null;
  onOpen: (version: string) => void;
  onCompare: (a: string, b: string) => void;
  onRollBack: (version: string) => void;
};

export function VersionTable(props: Props) {
  return (
    <Table
      label="Versions"
      columns={columnsOf(props)}
      rows={props.listed}
      rowKey={(version) => version.version}
      rowClass={(version) => (props.chosen.includes(version.version) ? style.chosen : undefined)}
    />
  );
}

function columnsOf(props: Props): Column<Listed>[] {
  const { nameOfKey } = props;
  return [
    {
      id: 'choose',
      head: <span className="visually-hidden">Compare</span>,
      width: '40px',
      cell: (row) => <Choose {...props} row={row} />,
    },
    { id: 'version', head: 'Version', cell: ({ version }) => <Name version={version} onOpen={props.onOpen} /> },
    { id: 'state', head: 'State', cell: (row) => (row.active ? <Status state="succeeded" word="Active" /> : null) },
    { id: 'notes', head: 'Notes', cell: (row) => <span className={style.notes}>{row.notes}</span>, hideBelow: 'phone' },
    {
      id: 'secrets',
      head: 'Secrets',
      hideBelow: 'tablet',
      cell: (row) => row.secrets?.map((secret) => <Chip key={secret}>{secret}</Chip>),
    },
    {
      id: 'by',
      head: 'By',
      hideBelow: 'tablet',
      cell: (row) => (row.published_by ? nameOfKey(row.published_by) : 'operator'),
    },
    { id: 'when', head: 'Published', cell: (row) => <When at={row.published_at} /> },
    {
      id: 'actions',
      head: <span className="visually-hidden">Actions</span>,
      numeric: true,
      cell: (row) => <Actions {...props} row={row} />,
    },
  ];
}

const Name = ({ version, onOpen }: { version: string; onOpen: Props['onOpen'] }) => (
  <button type="button" className={style.open} onClick={() => onOpen(version)}>
    <code>{version}</code>
  </button>
);

const When = ({ at }: { at: string }) => (
  <time dateTime={at} title={formatDateTime(at)}>
    {formatAgo(at)}
  </time>
);

/** Two can be chosen: a third takes the place of the first. */
function Choose({ row, chosen, onChosen }: Props & { row: Listed }) {
  const checked = chosen.includes(row.version);
  const toggle = () =>
    onChosen(checked ? chosen.filter((other) => other !== row.version) : [...chosen.slice(-1), row.version]);
  return (
    <input
      type="checkbox"
      className={style.check}
      aria-label={`Choose ${row.version}`}
      checked={checked}
      onChange={toggle}
    />
  );
}

function Actions({ row, active, blocked, onOpen, onCompare, onRollBack }: Props & { row: Listed }) {
  const narrow = useNarrow();
  const back = { label: active ? 'Roll back' : 'Make active', onSelect: () => onRollBack(row.version) };
  const items = [
    ...(narrow && !row.active ? [{ ...back, icon: <RotateCcw />, blocked }] : []),
    { label: 'Open the document', icon: <FileText />, onSelect: () => onOpen(row.version) },
    ...(active && !row.active
      ? [
          {
            label: `Compare with ${active}`,
            icon: <GitCompareArrows />,
            onSelect: () => onCompare(row.version, active),
          },
        ]
      : []),
  ];
  return (
    <span className={style.actions}>
      {!row.active && !narrow && (
        <Button size="small" icon={<RotateCcw />} blocked={blocked} onClick={back.onSelect}>
          {back.label}
        </Button>
      )}
      <Menu label={`Actions of ${row.version}`} items={items} />
    </span>
  );
}
