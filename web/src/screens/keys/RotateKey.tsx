import { RefreshCw } from 'lucide-react';
import { useState } from 'react';
import { Dialog } from '../../ui/Dialog';
import { DialogFoot } from '../../ui/DialogFoot';
import { formatAgo, formatDateTime } from '../../ui/format';
import { Note } from '../../ui/Note';
import { Segment } from '../../ui/Segment';
import type { Key } from './keyState';
import { type IssuedKey, rotateKey, useKeyMutation } from './useKeys';

const OVERLAPS = [
  { value: '3600', label: '1 h' },
  { value: '86400', label: '24 h' },
  { value: '604800', label: '7 d' },
  { value: '0', label: '0' },
];

type Props = { of: Key; onIssued: (key: IssuedKey) => void; onClose: () => void };

/** Makes the key that follows another, which works on for a while. */
export function RotateKey({ of: key, onIssued, onClose }: Props) {
  const [overlap, setOverlap] = useState('86400');
  const rotate = useKeyMutation(rotateKey, onIssued);
  const end = new Date(Date.now() + Number(overlap) * 1_000).toISOString();
  return (
    <Dialog
      title={`Rotate ${key.name}`}
      lead="A new key with the same rights, shown once. The old one works on for:"
      onClose={onClose}
      footer={
        <DialogFoot
          icon={<RefreshCw />}
          busy={rotate.isPending}
          onClick={() => rotate.mutate({ id: key.id, overlap: Number(overlap) })}
          onClose={onClose}
        >
          Rotate
        </DialogFoot>
      }
    >
      <div>
        <Segment label="The old key works on for" options={OVERLAPS} value={overlap} onChange={setOverlap} />
      </div>
      <p>
        {key.last_used_at ? `Last used ${formatAgo(key.last_used_at)}.` : 'Never used so far.'}{' '}
        {overlap === '0'
          ? 'The old key ends at once: its callers get 401 until they have the new one.'
          : `Put the new key in its place before ${formatDateTime(end)}.`}
      </p>
      {rotate.error && <Note tone="bad">{rotate.error.message}</Note>}
    </Dialog>
  );
}
