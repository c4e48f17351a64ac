import { useState } from 'react';
import { CreateKey } from '../../keys/CreateKey';
import { KeyOnce } from '../../keys/KeyOnce';
import type { IssuedKey } from '../../keys/useKeys';

/** Makes a key for the workflow, and shows it once. */
export default function NewKey({ workflowId, onClose }: { workflowId: string; onClose: () => void }) {
  const [issued, setIssued] = useState<IssuedKey | null>(null);
  if (issued) return <KeyOnce issued={issued} onClose={onClose} />;
  return <CreateKey workflow={workflowId} onIssued={setIssued} onClose={onClose} />;
}
