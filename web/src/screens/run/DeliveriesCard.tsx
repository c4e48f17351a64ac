import { useQuery } from '@tanstack/react-query';
import { api, body } from '../../api/client';
import type { Run } from '../../api/runs';
import { DeliveryAttempts, DeliveryStatus, Redeliver } from '../../runs/DeliveryAttempts';
import { Empty, Skeleton } from '../../ui/Empty';
import { Note } from '../../ui/Note';
import style from './DeliveriesCard.module.css';

/** The webhooks of the run, each with its attempts. */
export function DeliveriesCard({ run }: { run: Run }) {
  const deliveries = useQuery({
    queryKey: ['run-deliveries', run.id],
    queryFn: () => body(api.GET('/v1/runs/{run_id}/deliveries', { params: { path: { run_id: run.id } } })),
    refetchInterval: ({ state }) => (state.data?.items.some(({ status }) => status === 'pending') ? 5_000 : false),
  });
  const items = deliveries.data?.items ?? [];
  return (
    <section className={style.card} aria-label="Deliveries">
      <header className={style.head}>
        <h2>Deliveries</h2>
        <span>{items.length}</span>
      </header>
      {deliveries.isLoading && <Skeleton rows={2} />}
      {deliveries.error && <Note tone="bad">Deliveries cannot be read: {deliveries.error.message}</Note>}
      {deliveries.isSuccess && !items.length && (
        <Empty title="Nothing is sent">
          {run.ended_at
            ? 'Neither the workflow nor the caller asked for a webhook.'
            : 'Webhooks are sent when the run has ended.'}
        </Empty>
      )}
      {items.map((delivery) => (
        <article key={delivery.id} className={style.delivery}>
          <div className={style.title}>
            <DeliveryStatus delivery={delivery} />
            <span>{delivery.event}</span>
            <span className={style.redeliver}>
              <Redeliver delivery={delivery} small />
            </span>
          </div>
          <code>{delivery.url ?? delivery.receiver}</code>
          <DeliveryAttempts delivery={delivery} />
        </article>
      ))}
    </section>
  );
}
