import { Download } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { session } from '../api/session';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { useActions } from './actions';
import { KeyForm } from './SignIn';

/** The id of the page action that saves what is not stored yet. A page with a draft registers one. */
export const DOWNLOAD_DRAFT = 'download-draft';

/** Asks for a key over the page, whose contents stay. */
export function SignInAgain() {
  const asks = useSyncExternalStore(session.subscribe, session.asks);
  const download = useActions().find((action) => action.id === DOWNLOAD_DRAFT);
  if (!asks) return null;
  const ended = asks === 'ended';
  return (
    <Dialog
      title={ended ? 'This key no longer works' : 'Sign in with another key'}
      lead={
        ended
          ? 'It expired, or somebody revoked it. Sign in with another: you stay on this page, and your edits stay.'
          : 'You stay on this page, and your edits stay.'
      }
      holdsOpen={ended}
      onClose={() => session.ask(null)}
      footer={
        <>
          {download && (
            <Button icon={<Download />} onClick={download.run}>
              Download draft
            </Button>
          )}
          <Button look="quiet" onClick={() => session.signOut()}>
            Sign out
          </Button>
        </>
      }
    >
      <KeyForm />
    </Dialog>
  );
}
