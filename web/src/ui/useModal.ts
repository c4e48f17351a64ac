import { type RefObject, useEffect, useRef } from 'react';

/** The `ref` of a dialog that is open and modal as long as it is rendered. Closing it gives the focus back. */
export function useModal(): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return dialog;
}
