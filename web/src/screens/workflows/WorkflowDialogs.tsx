import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body, type Schemas } from '../../api/client';
import type { ListedWorkflow } from '../../api/workflows';
import { announce } from '../../app/announce';
import { Confirm } from '../../ui/Confirm';
import { Field, Select } from '../../ui/Field';
import { formatDateTime } from '../../ui/format';

export type WorkflowDialog =
  | { kind: 'delete'; workflow: ListedWorkflow }
  /** To a version, or one that the user chooses. */
  | { kind: 'roll-back'; workflow: ListedWorkflow; version: string | null };

export function WorkflowDialogs({ dialog, onClose }: { dialog: WorkflowDialog; onClose: () => void }) {
  if (dialog.kind === 'delete') return <DeleteWorkflow workflow={dialog.workflow} onClose={onClose} />;
  return <RollBack {...dialog} onClose={onClose} />;
}

function DeleteWorkflow({ workflow, onClose }: { workflow: ListedWorkflow; onClose: () => void }) {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => api.DELETE('/v1/workflows/{workflow_id}', { params: { path: { workflow_id: workflow.id } } }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['workflows'] });
      announce(`${workflow.name} is deleted`);
      onClose();
    },
  });
  return (
    <Confirm
      title={`Delete ${workflow.name}?`}
      action="Delete"
      typed={workflow.active_version ? workflow.id : undefined}
      mutation={remove}
      onClose={onClose}
    >
      {workflow.active_version ? (
        <>
          Its endpoint <code>/v1/workflows/{workflow.id}/runs</code> is gone at once, and callers get 404. Runs in
          flight end, and runs stay readable by their ids. This cannot be undone.
        </>
      ) : (
        'Its draft is gone. Nothing was published. This cannot be undone.'
      )}
    </Confirm>
  );
}

type RollBackProps = { workflow: ListedWorkflow; version: string | null; onClose: () => void };

function RollBack({ workflow, version, onClose }: RollBackProps) {
  const queries = useQueryClient();
  const path = { workflow_id: workflow.id };
  const versions = useQuery({
    queryKey: ['versions', workflow.id, 'first'],
    queryFn: () => body(api.GET('/v1/workflows/{workflow_id}/versions', { params: { path, query: { limit: 100 } } })),
  });
  const others = versions.data?.items.filter((one) => !one.active) ?? [];
  const at = versions.data?.items.findIndex((one) => one.active) ?? -1;
  const [chosen, setChosen] = useState(version);
  const target = chosen ?? versions.data?.items[at + 1]?.version ?? others.at(0)?.version;
  const roll = useMutation({
    mutationFn: () => api.POST('/v1/workflows/{workflow_id}/rollback', { params: { path }, body: { version: target } }),
    onSuccess: async () => {
      await queries.invalidateQueries();
      announce(`Callers of ${workflow.name} run ${target} now`);
      onClose();
    },
  });
  return (
    <Confirm
      title={`Roll ${workflow.name} back?`}
      action={target ? `Roll back to ${target}` : 'Roll back'}
      blocked={target ? null : 'There is no other version.'}
      mutation={roll}
      onClose={onClose}
    >
      {others.length > 0 && <ChooseVersion of={others} value={target} onChange={setChosen} />}
      <p>
        Callers run it from then on instead of {workflow.active_version}. Runs in flight end with the version that they
        began with. The draft stays as it is, and you can publish or roll forward at any time.
      </p>
    </Confirm>
  );
}

type ChooseProps = { of: Schemas['Version'][]; value: string | undefined; onChange: (version: string) => void };

const ChooseVersion = ({ of, value, onChange }: ChooseProps) => (
  <Field label="To version">
    {(ids) => (
      <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
        {of.map(({ version, published_at }) => (
          <option key={version} value={version}>
            {version}, published {formatDateTime(published_at)}
          </option>
        ))}
      </Select>
    )}
  </Field>
);
