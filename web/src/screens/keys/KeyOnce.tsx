import { useQuery } from '@tanstack/react-query';
import { Check, CircleX, Copy, Download, LoaderCircle } from 'lucide-react';
import { useState } from 'react';
import { BASE } from '../../api/client';
import { getSnippets } from '../../api/workflow';
import { useWorkflowName } from '../../api/workflows';
import { Button } from '../../ui/Button';
import { classes } from '../../ui/classes';
import { Dialog } from '../../ui/Dialog';
import { download } from '../../ui/download';
import { Checkbox } from '../../ui/Field';
import { formatClock } from '../../ui/format';
import { useCopy } from '../../ui/useCopy';
import style from './Keys.module.css';
import { Scopes } from './KeyTable';
import { expiryText, limitsText, workflowsText } from './keyState';
import { lastAnswer, refusalText } from './refusal';
import { type IssuedKey, useKeyDetails } from './useKeys';

const POLL_MS = 3_000;

/** Shows a new key, the only time that it can be. It closes once the key is copied, or said to be stored. */
export function KeyOnce({ issued, onClose }: { issued: IssuedKey; onClose: () => void }) {
  const [stored, setStored] = useState(false);
  const took = () => setStored(true);
  return (
    <Dialog
      title={`Key “${issued.name}” is ready`}
      lead="This is the only time that it is shown. Flowgate keeps a hash, so nobody can read it back: if it is lost, rotate it."
      holdsOpen
      onClose={onClose}
      footer={
        <>
          <span className={style.stored}>
            <Checkbox label="I have stored it" checked={stored} onChange={(event) => setStored(event.target.checked)} />
          </span>
          <Button
            look="primary"
            blocked={stored ? null : 'Copy the key, or say that you have stored it.'}
            onClick={onClose}
          >
            Done
          </Button>
        </>
      }
    >
      <div className={style.key}>
        <code>{issued.key}</code>
        <CopyAs label="Copy" text={issued.key} onCopied={took} />
      </div>
      <Copies issued={issued} onTaken={took} />
      <Rights issued={issued} />
      <FirstCall id={issued.id} />
    </Dialog>
  );
}

function Copies({ issued, onTaken: took }: { issued: IssuedKey; onTaken: () => void }) {
  const curl = useCurl(issued);
  return (
    <div className={style.copies}>
      <CopyAs link label="Copy as .env line" text={`FLOWGATE_KEY=${issued.key}`} onCopied={took} />
      <CopyAs link label="Copy curl with this key" text={curl} onCopied={took} />
      <button
        type="button"
        onClick={() => {
          download(`${issued.name}.key`, issued.key);
          took();
        }}
      >
        <Download aria-hidden />
        Download
      </button>
    </div>
  );
}

function Rights({ issued }: { issued: IssuedKey }) {
  const nameOf = useWorkflowName();
  return (
    <dl className={style.facts}>
      <dt>May</dt>
      <dd>
        <Scopes of={issued} /> on <b>{workflowsText(issued.workflows, nameOf)}</b>
      </dd>
      <dt>Limits</dt>
      <dd>{limitsText(issued)}</dd>
      <dt>Expires</dt>
      <dd>{expiryText(issued)}</dd>
    </dl>
  );
}

/**
 * A command that works as it is: for a key of one workflow its call with the example input, as the server writes it; else a
 * call that every key may make.
 */
function useCurl({ key, workflows, scopes }: IssuedKey): string {
  const only = workflows !== '*' && scopes.includes('run') ? workflows[0] : undefined;
  const { data } = useQuery({
    queryKey: ['snippets', only],
    queryFn: () => getSnippets(only ?? ''),
    enabled: only !== undefined,
  });
  const call = data?.find(({ lang, mode }) => lang === 'curl' && mode === 'wait')?.code;
  const command = call ?? `curl -s ${BASE}/v1/keys/self -H "Authorization: Bearer $FLOWGATE_KEY"`;
  return command.replaceAll('$FLOWGATE_KEY', () => key);
}

type CopyProps = { label: string; text: string; link?: boolean; onCopied: () => void };

function CopyAs({ label, text, link, onCopied }: CopyProps) {
  const { state, copy: put } = useCopy();
  const copy = async () => {
    if (await put(text)) onCopied();
  };
  const icon = state === 'copied' ? <Check aria-hidden /> : <Copy aria-hidden />;
  const words = { copied: 'Copied', refused: 'Select and copy it yourself' };
  const shown = state ? words[state] : label;
  if (!link) {
    return (
      <Button size="small" icon={icon} data-first onClick={copy}>
        {shown}
      </Button>
    );
  }
  return (
    <button type="button" onClick={copy}>
      {icon}
      {shown}
    </button>
  );
}

/** Waits for the key to be used, and says why a call was refused meanwhile. */
function FirstCall({ id }: { id: string }) {
  const [used, setUsed] = useState(false);
  const { data } = useKeyDetails(id, used ? false : POLL_MS);
  const answer = data ? lastAnswer(data) : 'none';
  if (answer === 'used' && !used) setUsed(true);
  const refused = !used && answer === 'refused' ? data?.last_refused : null;
  return (
    <p className={classes(style.first, used && style.arrived, refused && style.refused)} role="status">
      {used ? <Arrived /> : refused ? <Refused by={refused} /> : <Waiting />}
    </p>
  );
}

const Arrived = () => (
  <>
    <Check aria-hidden />
    <b>The first call with this key has arrived.</b>
  </>
);

const Waiting = () => (
  <>
    <LoaderCircle aria-hidden className={style.turns} />
    <span>
      <b>Waiting for the first call with this key …</b> This line turns green when it arrives, and says what was wrong
      if it is refused.
    </span>
  </>
);

const Refused = ({ by: { at, code } }: { by: NonNullable<IssuedKey['last_refused']> }) => (
  <>
    <CircleX aria-hidden />
    <span>
      <b>A call with this key was refused at {formatClock(at)}:</b> {refusalText(code)}. This line turns green when one
      comes through.
    </span>
  </>
);
