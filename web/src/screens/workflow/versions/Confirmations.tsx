import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, body, type Schemas } from '../../../api/client';
import { getVersion } from '../../../api/coming-w3';
import { Button } from '../../../ui/Button';
import { CodeBlock } from '../../../ui/CodeBlock';
import { Dialog } from '../../../ui/Dialog';
import { Skeleton } from '../../../ui/Empty';
import { Note } from '../../../ui/Note';

type Asked = { workflowId: string; onClose: () => void };

/** Asks, does it, and says what went wrong. */
function Confirmation({
  title,
  lead,
  action,
  danger,
  run,
  workflowId,
  onClose,
}: Asked & { title: string; lead: string; action: string; danger?: boolean; run: () => Promise<unknown> }) {
  const queries = useQueryClient();
  const doing = useMutation({
    mutationFn: run,
    onSuccess: async () => {
      await queries.invalidateQueries({
        predicate: ({ queryKey }) => queryKey[1] === workflowId || queryKey[0] === 'workflows',
      });
      onClose();
    },
  });
  return (
    <Dialog
      title={title}
      lead={lead}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Leave it</Button>
          <Button look={danger ? 'danger' : 'primary'} busy={doing.isPending} onClick={() => doing.mutate()}>
            {action}
          </Button>
        </>
      }
    >
      {doing.error ? <Note tone="bad">{doing.error.message}</Note> : null}
    </Dialog>
  );
}

export function RollBack({ version, active, ...asked }: Asked & { version: string; active: string | null }) {
  const path = { workflow_id: asked.workflowId };
  return (
    <Confirmation
      {...asked}
      title={`Make ${version} active?`}
      lead={`Callers get ${version} ${active ? `instead of ${active} ` : ''}from now on. Runs that go on end with the version they have, and the draft stays as it is.`}
      action={`Make ${version} active`}
      run={() => body(api.POST('/v1/workflows/{workflow_id}/rollback', { params: { path }, body: { version } }))}
    />
  );
}

export function Unpublish(asked: Asked) {
  const path = { workflow_id: asked.workflowId };
  return (
    <Confirmation
      {...asked}
      danger
      title="Unpublish this workflow?"
      lead="Callers get 409 not_published, and its schedules end. Runs that go on end as usual. Any version can be made active again."
      action="Unpublish"
      run={() => body(api.DELETE('/v1/workflows/{workflow_id}/active', { params: { path } }))}
    />
  );
}

/** The document of a version, to read and to copy. */
export function VersionDocument({ version, workflowId, onClose }: Asked & { version: Schemas['Version']['version'] }) {
  const stored = useQuery({
    queryKey: ['version', workflowId, version],
    queryFn: () => getVersion(workflowId, version),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Dialog wide title={`Version ${version}`} lead="As it was published. It never changes." onClose={onClose}>
      {stored.error ? (
        <Note tone="bad">The document cannot be shown: {stored.error.message}</Note>
      ) : stored.data ? (
        <CodeBlock code={stored.data.document} label={`document of ${version}`} />
      ) : (
        <Skeleton />
      )}
    </Dialog>
  );
}
