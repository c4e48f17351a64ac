import { useMutation, useQueryClient } from '@tanstack/react-query';
import { RotateCw } from 'lucide-react';
import { api, body, type Schemas } from '../api/client';
import { useBlocked } from '../app/useSession';
import { Button } from '../ui/Button';
import { formatAgo, formatClock, formatDuration } from '../ui/format';
import { Note } from '../ui/Note';
import { type State, Status } from '../ui/Status';
import style from './DeliveryAttempts.module.css';

type Delivery = Schemas['Delivery'];

const STATES: Record<Delivery['status'], { state: State; word: string }> = {
  pending: { state: 'pending', word: 'Pending' },
  delivered: { state: 'succeeded', word: 'Delivered' },
  exhausted: { state: 'failed', word: 'Given up' },
};

export const DeliveryStatus = ({ delivery }: { delivery: Delivery }) => <Status {...STATES[delivery.status]} />;

/** The attempts of a delivery, the last one first. */
export function DeliveryAttempts({ delivery }: { delivery: Delivery }) {
  if (!delivery.attempts.length) return <p className={style.quiet}>No attempt yet{next(delivery)}.</p>;
  const skipped = delivery.attempts_made - delivery.attempts.length;
  return (
    <table className={style.attempts} aria-label={`Attempts of ${delivery.id}`}>
      <tbody>
        {delivery.attempts.toReversed().map((attempt, index) => (
          <tr key={attempt.at}>
            <td>{delivery.attempts_made - index}</td>
            <td>
              <Status
                state={isOk(attempt.status) ? 'succeeded' : 'failed'}
                word={attempt.status ? String(attempt.status) : 'no answer'}
              />
            </td>
            <td title={formatAgo(attempt.at)}>{formatClock(attempt.at)}</td>
            <td>{formatDuration(attempt.duration_ms)}</td>
            <td className={style.answer} title={attempt.error ?? attempt.answer ?? undefined}>
              {attempt.error ?? attempt.answer}
            </td>
          </tr>
        ))}
        {skipped > 0 && (
          <tr>
            <td colSpan={5} className={style.quiet}>
              {skipped} before these are no longer kept
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

const isOk = (status: number | null) => status !== null && status >= 200 && status < 300;
const next = ({ next_attempt_at }: Delivery) =>
  next_attempt_at ? `; the next one is ${formatAgo(next_attempt_at)}` : '';

/** Sends the same bytes again. */
export function Redeliver({ delivery, small }: { delivery: Delivery; small?: boolean }) {
  const client = useQueryClient();
  const can = useBlocked();
  const send = useMutation({
    mutationFn: () =>
      body(api.POST('/v1/deliveries/{delivery_id}/redeliver', { params: { path: { delivery_id: delivery.id } } })),
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ['run-deliveries', delivery.run_id] });
      client.invalidateQueries({ queryKey: ['deliveries'] });
    },
  });
  const blocked = can('run', delivery.workflow_id) ?? can('read', delivery.workflow_id);
  return (
    <>
      <Button
        size={small ? 'small' : 'normal'}
        icon={<RotateCw />}
        busy={send.isPending}
        blocked={blocked}
        onClick={() => send.mutate()}
      >
        {send.isSuccess ? 'Sent again' : 'Redeliver'}
      </Button>
      {send.error && <Note tone="bad">{send.error.message}</Note>}
    </>
  );
}
