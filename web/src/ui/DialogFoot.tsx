import type { ComponentProps } from 'react';
import { Button } from './Button';

type Props = ComponentProps<typeof Button> & { onClose: () => void; leave?: string };

/** The buttons at the foot of a dialog: one that leaves it, and the one that does what it is for. */
export function DialogFoot({ onClose, leave = 'Cancel', ...action }: Props) {
  return (
    <>
      <Button look="quiet" onClick={onClose}>
        {leave}
      </Button>
      <Button look="primary" {...action} />
    </>
  );
}
