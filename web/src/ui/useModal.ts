import { type RefObject, useLayoutEffect, useRef } from 'react';

/** The `ref` of a dialog that is open and modal as long as it is rendered. Closing it gives the focus back. */
export function useModal(): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the dialog leaves the page: one that has left gives no focus back.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return dialog;
}
