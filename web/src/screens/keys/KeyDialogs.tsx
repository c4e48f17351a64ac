import { announce } from '../../app/announce';
import { Confirm } from '../../ui/Confirm';
import { CreateKey } from './CreateKey';
import { KeyDetails } from './KeyDetails';
import { KeyOnce } from './KeyOnce';
import type { Key } from './keyState';
import { RotateKey } from './RotateKey';
import { type IssuedKey, revokeKey, useKeyMutation } from './useKeys';

export type KeyDialog =
  | { kind: 'create' }
  | { kind: 'once'; key: IssuedKey }
  | { kind: 'details'; key: Key }
  | { kind: 'rotate'; key: Key }
  | { kind: 'revoke'; key: Key };

type Props = { dialog: KeyDialog; onDialog: (dialog: KeyDialog | null) => void };

export function KeyDialogs({ dialog, onDialog }: Props) {
  const close = () => onDialog(null);
  const issued = (key: IssuedKey) => onDialog({ kind: 'once', key });
  switch (dialog.kind) {
    case 'create':
      return <CreateKey onIssued={issued} onClose={close} />;
    case 'once':
      return <KeyOnce issued={dialog.key} onClose={close} />;
    case 'details':
      return <KeyDetails of={dialog.key} onDialog={onDialog} />;
    case 'rotate':
      return <RotateKey of={dialog.key} onIssued={issued} onClose={close} />;
    case 'revoke':
      return <RevokeKey of={dialog.key} onClose={close} />;
  }
}

function RevokeKey({ of: key, onClose }: { of: Key; onClose: () => void }) {
  const revoke = useKeyMutation(
    () => revokeKey(key.id),
    () => {
      announce(`${key.name} is revoked`);
      onClose();
    },
  );
  const mutation = { ...revoke, mutate: () => revoke.mutate(undefined) };
  return (
    <Confirm title={`Revoke ${key.name}?`} action="Revoke" typed={key.name} mutation={mutation} onClose={onClose}>
      It ends at once: its callers get 401. Its runs in flight go on. This cannot be undone; to change it without a gap,
      rotate it instead.
    </Confirm>
  );
}
