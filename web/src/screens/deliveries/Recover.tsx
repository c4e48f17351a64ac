import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Send } from 'lucide-react';
import { useState } from 'react';
import { api, body } from '../../api/client';
import { Dialog } from '../../ui/Dialog';
import { DialogFoot } from '../../ui/DialogFoot';
import { Field, NamedOptions, Select } from '../../ui/Field';
import { Note } from '../../ui/Note';
import { TextField } from '../../ui/TextField';

const DAY_MS = 86_400_000;
type Props = { workflow: string; workflows: { id: string; name: string }[]; onClose: () => void };

/** Sends again what a workflow gave up since a time, and turns its receivers on again. */
export function Recover({ workflow, workflows, onClose }: Props) {
  const [id, setId] = useState(workflow);
  const [since, setSince] = useState(() => localTime(Date.now() - DAY_MS));
  const recover = useRecover(id, since);
  return (
    <Dialog
      title="Send again what was given up"
      lead="Deliveries of runs that were created since then. Receivers that were turned off are turned on."
      onClose={onClose}
      footer={
        <DialogFoot
          leave="Close"
          icon={<Send />}
          busy={recover.isPending}
          blocked={id && since ? null : 'Choose a workflow and a time.'}
          onClick={() => recover.mutate()}
          onClose={onClose}
        >
          Send again
        </DialogFoot>
      }
    >
      <ChooseWorkflow value={id} workflows={workflows} onChange={setId} />
      <TextField label="Since" type="datetime-local" value={since} onChange={setSince} />
      {recover.error && <Note tone="bad">{recover.error.message}</Note>}
      {recover.data && (
        <Note>
          {recover.data.redelivered} sent again
          {recover.data.enabled.length > 0 && `, turned on: ${recover.data.enabled.join(', ')}`}.
        </Note>
      )}
    </Dialog>
  );
}

type ChoiceProps = { value: string; workflows: Props['workflows']; onChange: (id: string) => void };

const ChooseWorkflow = ({ value, workflows, onChange }: ChoiceProps) => (
  <Field label="Workflow">
    {(ids) => (
      <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="" disabled>
          Choose
        </option>
        <NamedOptions of={workflows} />
      </Select>
    )}
  </Field>
);

/** The time as a field of the kind `datetime-local` takes it. */
const localTime = (ms: number) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** A request looks at some runs; this goes on until all were looked at. */
function useRecover(id: string, since: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      let cursor: string | null = null;
      let redelivered = 0;
      const enabled = new Set<string>();
      do {
        const part: { enabled: unknown[]; redelivered: number; next_cursor: string | null } = await body(
          api.POST('/v1/workflows/{workflow_id}/deliveries/recover', {
            params: { path: { workflow_id: id } },
            body: { since: new Date(since).toISOString(), ...(cursor ? { cursor } : {}) },
          }),
        );
        for (const receiver of part.enabled) enabled.add(String(receiver));
        redelivered += part.redelivered;
        cursor = part.next_cursor;
      } while (cursor);
      return { redelivered, enabled: [...enabled] };
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ['deliveries'] }),
  });
}
