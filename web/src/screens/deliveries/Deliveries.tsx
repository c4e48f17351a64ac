import { useInfiniteQuery } from '@tanstack/react-query';
import { ChevronDown, ChevronRight, Send } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { api, body, type Schemas } from '../../api/client';
import { useKnownWorkflows } from '../../api/workflows';
import { Outdated } from '../../app/Failure';
import { Loaded } from '../../app/Loaded';
import { useParam } from '../../app/useParam';
import { useBlocked } from '../../app/useSession';
import { DeliveryAttempts, DeliveryStatus, Redeliver } from '../../runs/DeliveryAttempts';
import { nameIn } from '../../runs/names';
import { Button } from '../../ui/Button';
import { Empty } from '../../ui/Empty';
import { NamedOptions, Select } from '../../ui/Field';
import { formatAgo, formatDateTime, shortId } from '../../ui/format';
import { Page } from '../../ui/Page';
import { Segment } from '../../ui/Segment';
import { type Column, Table } from '../../ui/Table';
import { Toolbar } from '../../ui/Toolbar';
import style from './Deliveries.module.css';
import { Recover } from './Recover';

type Delivery = Schemas['Delivery'];
type Which = 'all' | Delivery['status'];
type Named = { id: string; name: string };

const STATES: { value: Which; label: string }[] = [
  { value: 'all', label: 'All' },
  { value: 'pending', label: 'Pending' },
  { value: 'delivered', label: 'Delivered' },
  { value: 'exhausted', label: 'Given up' },
];

/** The webhooks of all runs, with their attempts. */
export default function Deliveries() {
  const [status, setStatus] = useParam('status', 'all');
  const [workflow, setWorkflow] = useParam('workflow');
  const [recovering, setRecovering] = useState(false);
  const workflows = useKnownWorkflows();
  const list = useDeliveries(status, workflow);
  const author = useBlocked()('author', workflow || undefined);
  const isFiltered = status !== 'all' || workflow !== '';
  return (
    <Page
      title="Deliveries"
      lead="Webhooks that runs send when they end."
      actions={
        <Button icon={<Send />} blocked={author} onClick={() => setRecovering(true)}>
          Send again what was given up
        </Button>
      }
    >
      <Choices status={status} onStatus={setStatus} workflow={workflow} onWorkflow={setWorkflow} names={workflows} />
      <Loaded of={list} what="the deliveries" rows={8}>
        {({ pages }) => (
          <>
            <Outdated error={list.error} what="the deliveries" onRetry={list.refetch} />
            <List items={pages.flatMap((page) => page.items)} names={workflows} filtered={isFiltered} />
          </>
        )}
      </Loaded>
      {list.hasNextPage && (
        <div>
          <Button busy={list.isFetchingNextPage} onClick={() => list.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
      {recovering && <Recover workflow={workflow} workflows={workflows} onClose={() => setRecovering(false)} />}
    </Page>
  );
}

type ChoicesProps = {
  status: string;
  onStatus: (status: string) => void;
  workflow: string;
  onWorkflow: (id: string) => void;
  names: Named[];
};

function Choices({ status, onStatus, workflow, onWorkflow, names }: ChoicesProps) {
  return (
    <Toolbar>
      <Segment<Which> label="State" value={status as Which} onChange={onStatus} options={STATES} />
      <span className={style.workflow}>
        <Select aria-label="Workflow" value={workflow} onChange={(event) => onWorkflow(event.target.value)}>
          <option value="">All workflows</option>
          <NamedOptions of={names} />
        </Select>
      </span>
    </Toolbar>
  );
}

function useDeliveries(status: string, workflow: string) {
  return useInfiniteQuery({
    queryKey: ['deliveries', status, workflow],
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: 50,
        cursor: pageParam,
        ...(status !== 'all' && { status: status as Delivery['status'] }),
        ...(workflow && { workflow }),
      };
      return body(api.GET('/v1/deliveries', { params: { query }, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Schemas['DeliveryList']) => page.next_cursor ?? undefined,
    refetchInterval: 15_000,
    placeholderData: (before) => before,
  });
}

const Nothing = ({ filtered }: { filtered: boolean }) =>
  filtered ? (
    <Empty title="No delivery matches">Choose another state or workflow.</Empty>
  ) : (
    <Empty icon={<Send />} title="Nothing has been sent yet">
      A workflow with a <code>webhook</code>, and a start with <code>webhooks</code>, send the run when it has ended.
    </Empty>
  );

function List({ items, names, filtered }: { items: Delivery[]; names: Named[]; filtered: boolean }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const fold = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  if (!items.length) return <Nothing filtered={filtered} />;
  return (
    <Table
      label="Deliveries"
      dense
      columns={[stateColumn(open, fold), ...columns(names)]}
      rows={items}
      rowKey={(delivery) => delivery.id}
      after={(delivery) =>
        open.has(delivery.id) && (
          <div className={style.attempts}>
            <DeliveryAttempts delivery={delivery} />
          </div>
        )
      }
    />
  );
}

/** How a delivery stands; a click unfolds its attempts. */
function stateColumn(open: ReadonlySet<string>, fold: (id: string) => void): Column<Delivery> {
  const cell = (delivery: Delivery) => {
    const Icon = open.has(delivery.id) ? ChevronDown : ChevronRight;
    return (
      <button
        type="button"
        className={style.fold}
        aria-expanded={open.has(delivery.id)}
        onClick={() => fold(delivery.id)}
      >
        <Icon aria-hidden />
        <DeliveryStatus delivery={delivery} />
        <span className="visually-hidden">, attempts of {delivery.id}</span>
      </button>
    );
  };
  return { id: 'status', head: 'State', cell };
}

const columns = (names: Named[]): Column<Delivery>[] => [
  { id: 'event', head: 'Event', cell: ({ event }) => event, hideBelow: 'tablet' },
  { id: 'url', head: 'Receiver', cell: (delivery) => <Receiver delivery={delivery} /> },
  {
    id: 'run',
    head: 'Run',
    cell: ({ run_id }) => (
      <Link href={`/runs/${run_id}`} className="mono" title={run_id}>
        {shortId(run_id)}
      </Link>
    ),
    hideBelow: 'phone',
  },
  {
    id: 'workflow',
    head: 'Workflow',
    cell: ({ workflow_id }) => nameIn(names, workflow_id) ?? workflow_id,
    hideBelow: 'tablet',
  },
  { id: 'attempts', head: 'Attempts', numeric: true, cell: (delivery) => delivery.attempts_made, hideBelow: 'phone' },
  { id: 'last', head: 'Last answer', cell: lastAnswer, hideBelow: 'phone' },
  {
    id: 'redeliver',
    head: <span className="visually-hidden">Redeliver</span>,
    numeric: true,
    cell: (delivery) => <Redeliver delivery={delivery} small />,
  },
];

function Receiver({ delivery: { url, receiver, receiver_disabled_at } }: { delivery: Delivery }) {
  return (
    <span className={style.url} title={url ?? receiver}>
      {url ?? receiver}
      {receiver_disabled_at && <em> off since {formatDateTime(receiver_disabled_at)}</em>}
    </span>
  );
}

function lastAnswer({ attempts, next_attempt_at }: Delivery): string {
  const last = attempts.at(-1);
  if (!last) return 'not sent yet';
  const again = next_attempt_at ? `, again ${formatAgo(next_attempt_at)}` : '';
  return `${last.status ?? 'none'}, ${formatAgo(last.at)}${again}`;
}
