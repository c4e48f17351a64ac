import { useQuery } from '@tanstack/react-query';
import { History } from 'lucide-react';
import { api, body } from '../../../api/client';
import { Button } from '../../../ui/Button';
import { Skeleton } from '../../../ui/Empty';
import { formatAgo, shortId } from '../../../ui/format';
import { Popover } from '../../../ui/Popover';
import { StateIcon } from '../../../ui/Status';
import style from './Try.module.css';

/** Chooses a run of the workflow whose input is taken over. */
export function FromRun({ workflowId, onChoose }: { workflowId: string; onChoose: (runId: string) => void }) {
  return (
    <Popover
      label="Take the input of a run"
      align="start"
      button={(open) => (
        <Button size="small" icon={<History />} {...open}>
          From a run
        </Button>
      )}
    >
      {(close) => (
        <Recent
          workflowId={workflowId}
          onChoose={(runId) => {
            close();
            onChoose(runId);
          }}
        />
      )}
    </Popover>
  );
}

function Recent({ workflowId, onChoose }: { workflowId: string; onChoose: (runId: string) => void }) {
  const runs = useQuery({
    queryKey: ['runs', workflowId, 'recent'],
    queryFn: () =>
      body(
        api.GET('/v1/workflows/{workflow_id}/runs', {
          params: { path: { workflow_id: workflowId }, query: { limit: 10 } },
        }),
      ),
  });
  if (runs.isPending) return <Skeleton rows={3} />;
  if (!runs.data?.items.length) return <p className={style.empty}>There are no runs yet.</p>;
  return (
    <ul className={style.recent}>
      {runs.data.items.map((run) => (
        <li key={run.id}>
          <button type="button" onClick={() => onChoose(run.id)}>
            <StateIcon state={run.status} label={run.status} />
            <code>{shortId(run.id)}</code>
            <span className={style.ago}>{formatAgo(run.created_at)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
