import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api, body } from '../../api/client';
import { type ListedWorkflow, useWorkflowName, useWorkflows } from '../../api/workflows';
import { Chip } from '../../ui/Chip';
import { Dialog } from '../../ui/Dialog';
import { Skeleton } from '../../ui/Empty';
import { formatDateTime } from '../../ui/format';
import { Note } from '../../ui/Note';
import style from './Secrets.module.css';
import { reachText, type Secret } from './secretForm';

/** What a secret is for, and the versions that use it. */
export function SecretUses({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const nameOf = useWorkflowName();
  return (
    <Dialog
      title={secret.name}
      lead={`Updated ${formatDateTime(secret.updated_at)}. Its value is never shown.`}
      onClose={onClose}
    >
      <dl className={style.facts}>
        <dt>Written as</dt>
        <dd>
          <code>{`{{${secret.name}}}`}</code>
        </dd>
        <dt>May be sent to</dt>
        <dd>{secret.hosts.join(', ') || 'the host in the author’s URL'}</dd>
        <dt>May be used by</dt>
        <dd>{reachText(secret, nameOf)}</dd>
        <dt>Used by</dt>
        <dd>
          <Uses name={secret.name} />
        </dd>
      </dl>
    </Dialog>
  );
}

export function Uses({ name }: { name: string }) {
  const uses = useSecretUses(name);
  if (uses.isError) return <Note tone="bad">{uses.error.message}</Note>;
  if (!uses.data) return <Skeleton rows={2} />;
  if (!uses.data.length) return 'no version among the last 20 of each workflow';
  return (
    <ul className={style.uses}>
      {uses.data.map(({ workflow, versions, active }) => (
        <li key={workflow.id}>
          <Link href={`/workflows/${workflow.id}/versions`}>{workflow.name}</Link>
          {versions.slice(0, 4).map((version) => (
            <Chip key={version} look="outline">
              {version}
            </Chip>
          ))}
          {versions.length > 4 && `and ${versions.length - 4} earlier`}
          {active && <span>callers run it</span>}
        </li>
      ))}
    </ul>
  );
}

type Use = { workflow: ListedWorkflow; versions: string[]; active: boolean };

const AT_ONCE = 6;

/** The versions that use a secret; a list of versions says which secrets each uses. */
export function useSecretUses(name: string) {
  const workflows = useWorkflows().data;
  return useQuery({
    queryKey: ['secret-uses', name],
    enabled: workflows !== undefined,
    queryFn: async () => {
      const published = (workflows ?? []).filter((workflow) => workflow.active_version !== null);
      const uses: Use[] = [];
      for (let at = 0; at < published.length; at += AT_ONCE) {
        const some = published.slice(at, at + AT_ONCE);
        uses.push(...(await Promise.all(some.map((workflow) => usesIn(workflow, name)))));
      }
      return uses.filter((use) => use.versions.length);
    },
  });
}

async function usesIn(workflow: ListedWorkflow, name: string): Promise<Use> {
  const params = { path: { workflow_id: workflow.id }, query: { limit: 20 } };
  const { items } = await body(api.GET('/v1/workflows/{workflow_id}/versions', { params }));
  const using = items.filter((version) => version.secrets?.includes(name));
  return {
    workflow,
    versions: using.map((version) => version.version),
    active: using.some((version) => version.active),
  };
}
