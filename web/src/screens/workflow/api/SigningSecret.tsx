import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '../../../api/client';
import { Button } from '../../../ui/Button';
import { CopyButton } from '../../../ui/CodeBlock';
import { Confirm } from '../../../ui/Confirm';
import style from './Api.module.css';

/** The secret that receivers verify deliveries with. It is fetched only when it is asked for. */
export function SigningSecret({ workflowId, blocked }: { workflowId: string; blocked: string | null }) {
  const [shown, setShown] = useState(false);
  const [asking, setAsking] = useState(false);
  const secrets = useQuery({
    queryKey: ['signing-secret', workflowId],
    queryFn: () =>
      body(api.GET('/v1/workflows/{workflow_id}/signing-secret', { params: { path: { workflow_id: workflowId } } })),
    enabled: shown,
    gcTime: 0,
  });
  const list = shown ? (secrets.data?.secrets ?? []) : [];
  return (
    <div className={style.row}>
      <span>Signing secret</span>
      <span className={style.secrets}>
        {list.length ? (
          list.map((secret) => (
            <span key={secret}>
              <code>{secret}</code> <CopyButton quiet text={secret} label="Copy signing secret" />
            </span>
          ))
        ) : (
          <code>whsec_••••••••</code>
        )}
        {list.length > 1 && (
          <span className={style.faint}>The second one also signs, for 24 h after the rotation.</span>
        )}
        {secrets.error && <span className={style.bad}>{secrets.error.message}</span>}
      </span>
      <Button look="quiet" size="small" blocked={blocked} busy={secrets.isFetching} onClick={() => setShown(!shown)}>
        {shown ? 'Hide' : 'Show'}
      </Button>
      <Button look="quiet" size="small" blocked={blocked} onClick={() => setAsking(true)}>
        Rotate
      </Button>
      {asking && (
        <Rotation
          workflowId={workflowId}
          onClose={(done) => {
            setAsking(false);
            if (done) setShown(true);
          }}
        />
      )}
    </div>
  );
}

function Rotation({ workflowId, onClose }: { workflowId: string; onClose: (done: boolean) => void }) {
  const queries = useQueryClient();
  const rotate = useMutation({
    mutationFn: () =>
      body(
        api.POST('/v1/workflows/{workflow_id}/signing-secret/rotate', {
          params: { path: { workflow_id: workflowId } },
        }),
      ),
    onSuccess: (secrets) => {
      queries.setQueryData(['signing-secret', workflowId], secrets);
      onClose(true);
    },
  });
  return (
    <Confirm title="Rotate the signing secret?" action="Rotate" mutation={rotate} onClose={() => onClose(false)}>
      Deliveries are signed with the new secret and, for 24 hours, with the old one too. Give the new one to the
      receiver before then.
    </Confirm>
  );
}
