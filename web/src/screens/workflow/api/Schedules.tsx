import { Link } from 'wouter';
import type { Schemas } from '../../../api/client';
import { formatAgo, formatDateTime } from '../../../ui/format';
import { type Column, Table } from '../../../ui/Table';
import style from './Api.module.css';
import { Section } from './Section';

type Schedule = Schemas['WorkflowSchedule'];

const COLUMNS: Column<Schedule>[] = [
  { id: 'cron', head: 'Schedule', cell: (row) => <code>{row.cron}</code> },
  { id: 'timezone', head: 'Time zone', cell: (row) => row.timezone, hideBelow: 'phone' },
  { id: 'next', head: 'Next', cell: (row) => (row.next_at ? <When at={row.next_at} /> : 'never again') },
  { id: 'last', head: 'Last', cell: (row) => <Last last={row.last} /> },
];

const When = ({ at }: { at: string }) => (
  <time dateTime={at} title={formatDateTime(at)}>
    {formatAgo(at)}
  </time>
);

function Last({ last }: { last: Schedule['last'] }) {
  if (!last) return <span className={style.faint}>not yet</span>;
  return (
    <>
      <When at={last.at} />
      {last.skipped ? `: ${last.skipped}` : last.run_id && <Link href={`/runs/${last.run_id}`}> run</Link>}
    </>
  );
}

export function Schedules({ schedules }: { schedules: Schedule[] }) {
  if (!schedules.length) return null;
  return (
    <Section title="Schedules" remark="when the active version starts by itself">
      <Table
        dense
        label="Schedules"
        columns={COLUMNS}
        rows={schedules}
        rowKey={(row) => `${row.cron} ${row.timezone} ${schedules.indexOf(row)}`}
      />
    </Section>
  );
}
