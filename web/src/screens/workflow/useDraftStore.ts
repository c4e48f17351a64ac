import { useEffect, useRef } from 'react';
import { readDraft, saveDraft, type WorkflowDraft } from '../../api/documents';
import { useKey } from '../../app/useSession';
import { keptEdits } from '../../builder/draft/kept';
import { DraftStore } from '../../builder/draft/store';

/** The draft of a workflow, as long as it is open. What is not saved yet holds the tab open. */
export function useDraftStore(id: string, loaded: WorkflowDraft | undefined): DraftStore | null {
  const current = useRef<DraftStore | null>(null);
  if (current.current && current.current.id !== id) current.current = null;
  if (!current.current && loaded?.id === id) {
    const server = {
      read: () => readDraft(id),
      save: (text: string, etag: string | null) => saveDraft(id, text, etag),
    };
    current.current = new DraftStore(id, server, loaded, keptEdits(id));
  }
  const store = current.current;
  const key = useKey();
  // biome-ignore lint/correctness/useExhaustiveDependencies: what one key could not save is tried with the next
  useEffect(() => {
    if (store?.snapshot().saving.is === 'refused') void store.save();
  }, [key]);
  useEffect(() => {
    if (!store) return;
    const leave = (event: BeforeUnloadEvent) => {
      if (store.snapshot().saving.is !== 'saved') event.preventDefault();
    };
    window.addEventListener('beforeunload', leave);
    return () => {
      window.removeEventListener('beforeunload', leave);
      void store.save();
    };
  }, [store]);
  return store;
}
