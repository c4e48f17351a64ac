import { useMutation } from '@tanstack/react-query';
import { Send } from 'lucide-react';
import { testWebhook } from '../../../api/workflow';
import { useBlocked } from '../../../app/useSession';
import { Button } from '../../../ui/Button';
import { formatDuration } from '../../../ui/format';
import { Note } from '../../../ui/Note';
import style from './Api.module.css';
import type { Facts } from './facts';
import { Section } from './Section';
import { SigningSecret } from './SigningSecret';

/** The webhook of the document: where it goes, a sample to try it with, and what its receiver verifies it with. */
export function WebhookPart({ workflowId, webhook }: { workflowId: string; webhook: Facts['webhook'] }) {
  const blocked = useBlocked()('author', workflowId);
  const test = useMutation({ mutationFn: () => testWebhook(workflowId) });
  return (
    <Section title="Webhook" remark={webhook ? 'when a run ends' : 'the document has none; a start may name its own'}>
      <div className={style.box}>
        {webhook && (
          <div className={style.row}>
            <b className={style.method}>{webhook.method}</b>
            <code className={style.grow}>{webhook.url}</code>
            <Button icon={<Send />} size="small" busy={test.isPending} blocked={blocked} onClick={() => test.mutate()}>
              Send test
            </Button>
          </div>
        )}
        <SigningSecret workflowId={workflowId} blocked={blocked} />
      </div>
      {test.data && <Outcome {...test.data} />}
      {test.error && <Note tone="bad">Nothing was sent: {test.error.message}</Note>}
    </Section>
  );
}

function Outcome({ status, duration_ms, error, answer }: Awaited<ReturnType<typeof testWebhook>>) {
  const arrived = status !== null && status >= 200 && status < 300;
  return (
    <Note tone={arrived ? 'info' : 'bad'}>
      {status === null
        ? `It did not arrive: ${error}.`
        : `The receiver answered ${status} in ${formatDuration(duration_ms)}.`}{' '}
      {status !== null && !arrived && 'Deliveries of runs are sent again until it answers 2xx.'}
      {answer && <code className={style.reply}>{answer.slice(0, 500)}</code>}
    </Note>
  );
}
