import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '../../../api/client';
import { Button } from '../../../ui/Button';
import { CopyButton } from '../../../ui/CodeBlock';
import { Confirm } from '../../../ui/Confirm';
import style from './Api.module.css';

/** The secret that receivers verify deliveries with. It is fetched only when it is asked for, and forgotten when hidden. */
export function SigningSecret({ workflowId, blocked }: { workflowId: string; blocked: string | null }) {
  const [shown, setShown] = useState(false);
  const [asking, setAsking] = useState(false);
  return (
    <div className={style.row}>
      <span>Signing secret</span>
      <span className={style.secrets}>{shown ? <Secrets workflowId={workflowId} /> : <Hidden />}</span>
      <Button look="quiet" size="small" blocked={blocked} onClick={() => setShown(!shown)}>
        {shown ? 'Hide' : 'Show'}
      </Button>
      <Button look="quiet" size="small" blocked={blocked} onClick={() => setAsking(true)}>
        Rotate
      </Button>
      {asking && <Rotation workflowId={workflowId} onClose={() => setAsking(false)} onRotated={() => setShown(true)} />}
    </div>
  );
}

const Hidden = () => <code>whsec_••••••••</code>;
const keyOf = (workflowId: string) => ['signing-secret', workflowId];

function Secrets({ workflowId }: { workflowId: string }) {
  const params = { path: { workflow_id: workflowId } };
  const { data, error } = useQuery({
    queryKey: keyOf(workflowId),
    queryFn: () => body(api.GET('/v1/workflows/{workflow_id}/signing-secret', { params })),
    gcTime: 0,
  });
  if (!data) return error ? <span className={style.bad}>{error.message}</span> : <Hidden />;
  return (
    <>
      {data.secrets.map((secret) => (
        <span key={secret}>
          <code>{secret}</code> <CopyButton quiet text={secret} label="Copy signing secret" />
        </span>
      ))}
      {data.secrets.length > 1 && (
        <span className={style.faint}>The second one also signs, for 24 h after the rotation.</span>
      )}
    </>
  );
}

type RotationProps = { workflowId: string; onClose: () => void; onRotated: () => void };

function Rotation({ workflowId, onClose, onRotated }: RotationProps) {
  const queries = useQueryClient();
  const params = { path: { workflow_id: workflowId } };
  const rotate = useMutation({
    mutationFn: () => body(api.POST('/v1/workflows/{workflow_id}/signing-secret/rotate', { params })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keyOf(workflowId) });
      onRotated();
      onClose();
    },
  });
  return (
    <Confirm title="Rotate the signing secret?" action="Rotate" mutation={rotate} onClose={onClose}>
      Deliveries are signed with the new secret and, for 24 hours, with the old one too. Give the new one to the
      receiver before then.
    </Confirm>
  );
}
