import { Ban, RefreshCw } from 'lucide-react';
import { Link } from 'wouter';
import { useWorkflowName } from '../../api/workflows';
import { useBlocked } from '../../app/useSession';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { formatAgo, formatDateTime } from '../../ui/format';
import { Note } from '../../ui/Note';
import { Budget } from './Budget';
import type { KeyDialog } from './KeyDialogs';
import { KeyName } from './KeyName';
import style from './Keys.module.css';
import { KeyState, Scopes } from './KeyTable';
import { expiryText, type Key, limitsText, phaseOf } from './keyState';
import { refusalText } from './refusal';
import { useKeyDetails } from './useKeys';

type Props = { of: Key; onDialog: (dialog: KeyDialog | null) => void };

/** All that is known of a key, with what it has spent. */
export function KeyDetails({ of: listed, onDialog }: Props) {
  const details = useKeyDetails(listed.id);
  const blocked = useBlocked()('admin');
  const key = details.data ?? listed;
  const ended = phaseOf(key) === 'ended' ? 'The key has ended.' : null;
  return (
    <Dialog
      title={key.name}
      lead={<code>fg_{key.id}_…</code>}
      onClose={() => onDialog(null)}
      footer={
        <>
          <Button
            icon={<Ban />}
            look="danger"
            blocked={blocked ?? ended}
            onClick={() => onDialog({ kind: 'revoke', key })}
          >
            Revoke …
          </Button>
          <Button icon={<RefreshCw />} blocked={blocked ?? ended} onClick={() => onDialog({ kind: 'rotate', key })}>
            Rotate …
          </Button>
        </>
      }
    >
      <Facts of={key} />
      {key.budget && <Budget budget={key.budget} />}
      {details.error && <Note tone="bad">{details.error.message}</Note>}
    </Dialog>
  );
}

function Facts({ of: key }: { of: Key }) {
  const nameOf = useWorkflowName();
  return (
    <dl className={style.facts}>
      <dt>Name</dt>
      <dd>
        <KeyName of={key} />
      </dd>
      <dt>State</dt>
      <dd>
        <KeyState of={key} replaced={false} />
      </dd>
      <dt>Workflows</dt>
      <dd>
        {key.workflows === '*'
          ? 'All workflows'
          : key.workflows.map((id) => (
              <Link key={id} href={`/workflows/${id}`} className={style.workflow}>
                {nameOf(id)}
              </Link>
            ))}
      </dd>
      <dt>Scopes</dt>
      <dd>
        <Scopes of={key} />
      </dd>
      <dt>Limits</dt>
      <dd>{limitsText({ limits: key.limits, budget: null })}</dd>
      <dt>Browsers</dt>
      <dd>{key.origins?.length ? key.origins.join(', ') : 'no pages'}</dd>
      <dt>Expires</dt>
      <dd>{expiryText(key)}</dd>
      <Times of={key} />
    </dl>
  );
}

const Times = ({ of: key }: { of: Key }) => (
  <>
    <dt>Created</dt>
    <dd>
      {formatDateTime(key.created_at)}
      {key.rotated_from && ` after fg_${key.rotated_from}_…`}
    </dd>
    <dt>Last used</dt>
    <dd>
      {key.last_used_at ? formatAgo(key.last_used_at) : 'never'} · <Link href={`/runs?key=${key.id}`}>Its runs</Link>
    </dd>
    <dt>Last refused</dt>
    <dd>
      {key.last_refused ? (
        <span title={formatDateTime(key.last_refused.at)}>
          {formatAgo(key.last_refused.at)}: {refusalText(key.last_refused.code)}
        </span>
      ) : (
        'never'
      )}
    </dd>
  </>
);
