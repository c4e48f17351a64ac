import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { cancelJob, type Job, readJob } from '../api/runs';
import { announce } from '../app/announce';
import { Button } from '../ui/Button';
import { Note } from '../ui/Note';
import style from './JobProgress.module.css';

/** How far a job over many runs is, and a way to end it. */
export function JobProgress({ id, onClose }: { id: string; onClose: () => void }) {
  const job = useJob(id);
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelJob(id),
    onSuccess: (ended) => client.setQueryData(['job', id], ended),
  });
  if (job.isError && !job.data) return <Unread id={id} error={job.error} onClose={onClose} />;
  if (!job.data) return null;
  const { progress, ended_at } = job.data;
  const said = inWords(job.data);
  const [label, act] = ended_at ? ['Close', onClose] : ['Stop', () => cancel.mutate()];
  return (
    <section className={style.job} aria-label="Job">
      <p>{said}</p>
      <Bar progress={progress} label={said} />
      <Button size="small" busy={cancel.isPending} onClick={act}>
        {label}
      </Button>
      {progress.last_failure && <p className={style.failure}>The last that could not: {progress.last_failure}</p>}
      {cancel.error && <p className={style.failure}>{cancel.error.message}</p>}
    </section>
  );
}

/** The job, until it is over; then the list of runs is read again. */
function useJob(id: string) {
  const client = useQueryClient();
  const job = useQuery({
    queryKey: ['job', id],
    queryFn: ({ signal }) => readJob(id, signal),
    refetchInterval: ({ state }) => (state.data?.ended_at ? false : 1_000),
  });
  const said = job.data ? inWords(job.data) : '';
  useEffect(() => {
    if (said) announce(said);
  }, [said]);
  const over = Boolean(job.data?.ended_at);
  useEffect(() => {
    if (over) client.invalidateQueries({ queryKey: ['runs'] });
  }, [over, client]);
  return job;
}

function Unread({ id, error, onClose }: { id: string; error: Error; onClose: () => void }) {
  const close = (
    <Button size="small" onClick={onClose}>
      Close
    </Button>
  );
  return (
    <Note tone="warn" actions={close}>
      How far the job {id} is cannot be read: {error.message}
    </Note>
  );
}

const Bar = ({ progress: { done, failed, total }, label }: { progress: Job['progress']; label: string }) => (
  <progress max={total ?? 1} value={total === null ? undefined : done + failed} aria-label={label} />
);

function inWords({ kind, status, progress: { done, failed, total } }: Job): string {
  const verb = kind === 'cancel' ? 'Cancelled' : 'Replayed';
  const of = total === null ? `${done}` : `${done} of ${total}`;
  const state = status === 'cancelled' ? ', then stopped' : '';
  return `${verb} ${of} runs${failed ? `, ${failed} could not be` : ''}${state}`;
}
