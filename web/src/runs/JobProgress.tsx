import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { cancelJob, type Job, readJob } from '../api/runs';
import { announce } from '../app/announce';
import { Button } from '../ui/Button';
import { Note } from '../ui/Note';
import style from './JobProgress.module.css';

/** How far a job over many runs is, and a way to end it. */
export function JobProgress({ id, onClose }: { id: string; onClose: () => void }) {
  const client = useQueryClient();
  const job = useQuery({
    queryKey: ['job', id],
    queryFn: ({ signal }) => readJob(id, signal),
    refetchInterval: ({ state }) => (state.data?.ended_at ? false : 1_000),
  });
  const cancel = useMutation({
    mutationFn: () => cancelJob(id),
    onSuccess: (ended) => client.setQueryData(['job', id], ended),
  });
  const over = Boolean(job.data?.ended_at);
  const said = job.data ? inWords(job.data) : '';
  useEffect(() => {
    if (said) announce(said);
  }, [said]);
  useEffect(() => {
    if (over) client.invalidateQueries({ queryKey: ['runs'] });
  }, [over, client]);
  if (job.isError) {
    return (
      <Note
        tone="warn"
        actions={
          <Button size="small" onClick={onClose}>
            Close
          </Button>
        }
      >
        How far the job {id} is cannot be read: {job.error.message}
      </Note>
    );
  }
  if (!job.data) return null;
  const { done, failed, total } = job.data.progress;
  return (
    <section className={style.job} aria-label="Job">
      <p>{said}</p>
      <progress max={total ?? 1} value={total === null ? undefined : done + failed} aria-label={said} />
      {over ? (
        <Button size="small" onClick={onClose}>
          Close
        </Button>
      ) : (
        <Button size="small" busy={cancel.isPending} onClick={() => cancel.mutate()}>
          Stop
        </Button>
      )}
      {job.data.progress.last_failure && (
        <p className={style.failure}>The last that could not: {job.data.progress.last_failure}</p>
      )}
      {cancel.error && <p className={style.failure}>{cancel.error.message}</p>}
    </section>
  );
}

function inWords({ kind, status, progress: { done, failed, total } }: Job): string {
  const verb = kind === 'cancel' ? 'Cancelled' : 'Replayed';
  const of = total === null ? `${done}` : `${done} of ${total}`;
  const state = status === 'cancelled' ? ', then stopped' : '';
  return `${verb} ${of} runs${failed ? `, ${failed} could not be` : ''}${state}`;
}
