import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, body, type Schemas } from '../../../api/client';
import { getVersion } from '../../../api/workflow';
import { CodeBlock } from '../../../ui/CodeBlock';
import { Confirm } from '../../../ui/Confirm';
import { Dialog } from '../../../ui/Dialog';
import { Skeleton } from '../../../ui/Empty';
import { Note } from '../../../ui/Note';

type Asked = { workflowId: string; onClose: () => void };

/** Does something to the workflow, and reads anew what it changed. */
function useChange(workflowId: string, change: () => Promise<unknown>, onClose: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: async () => {
      await queries.invalidateQueries({
        predicate: ({ queryKey }) => queryKey[1] === workflowId || queryKey[0] === 'workflows',
      });
      onClose();
    },
  });
}

export function RollBack({ version, active, workflowId, onClose }: Asked & { version: string; active: string | null }) {
  const params = { path: { workflow_id: workflowId } };
  const change = () => body(api.POST('/v1/workflows/{workflow_id}/rollback', { params, body: { version } }));
  const mutation = useChange(workflowId, change, onClose);
  return (
    <Confirm title={`Make ${version} active?`} action={`Make ${version} active`} mutation={mutation} onClose={onClose}>
      Callers get {version} {active && `instead of ${active} `}from now on. Runs that go on end with the version they
      have, and the draft stays as it is.
    </Confirm>
  );
}

export function Unpublish({ workflowId, onClose }: Asked) {
  const params = { path: { workflow_id: workflowId } };
  const change = () => body(api.DELETE('/v1/workflows/{workflow_id}/active', { params }));
  const mutation = useChange(workflowId, change, onClose);
  return (
    <Confirm title="Unpublish this workflow?" action="Unpublish" mutation={mutation} onClose={onClose}>
      Callers get 409 not_published, and its schedules end. Runs that go on end as usual. Any version can be made active
      again.
    </Confirm>
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
        <CodeBlock
          code={stored.data.document}
          label={`document of ${version}`}
          language={languageOf(stored.data.document)}
        />
      ) : (
        <Skeleton />
      )}
    </Dialog>
  );
}

const languageOf = (document: string) => (document.trimStart().startsWith('{') ? 'json' : 'yaml');
