import { useMutation } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { authorizedFetch } from '../../../api/client';
import { openApiAddress } from '../../../api/workflow';
import { Button } from '../../../ui/Button';
import { CopyButton } from '../../../ui/CodeBlock';
import { download } from '../../../ui/download';
import style from './Api.module.css';
import { Section } from './Section';

/** Other forms in which programs learn of the workflow. */
export function Addresses({ workflowId }: { workflowId: string }) {
  const address = openApiAddress(workflowId);
  // The address needs the key, which a link cannot send: the document is fetched and then saved.
  const save = useMutation({
    mutationFn: async () =>
      download(`${workflowId}.openapi.json`, await (await authorizedFetch(address)).text(), 'application/json'),
  });
  return (
    <Section title="Other addresses">
      <div className={style.box}>
        <div className={style.row}>
          <b>OpenAPI 3.1</b>
          <code className={style.grow}>{new URL(address).pathname}</code>
          <span className={style.faint}>this workflow alone</span>
          <Button look="quiet" size="small" icon={<Download />} busy={save.isPending} onClick={() => save.mutate()}>
            Download
          </Button>
          <CopyButton quiet text={address} label="Copy the address of the OpenAPI document" />
        </div>
      </div>
      {save.error && <p className={style.bad}>{save.error.message}</p>}
    </Section>
  );
}
