import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from '../../api/client';
import type { Run } from '../../api/runs';
import { Confirm } from '../../ui/Confirm';

export function CancelRun({ run, onClose }: { run: Run; onClose: () => void }) {
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => body(api.POST('/v1/runs/{run_id}/cancel', { params: { path: { run_id: run.id } } })),
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ['run', run.id] });
      onClose();
    },
  });
  return (
    <Confirm
      title="Cancel this run?"
      action="Cancel the run"
      mutation={{ ...cancel, mutate: () => cancel.mutate() }}
      onClose={onClose}
    >
      Calls in flight are given up. What has ended stays, and a rerun goes on from there.
    </Confirm>
  );
}
