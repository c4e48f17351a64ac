import { createContext, useContext, useMemo, useSyncExternalStore } from 'react';
import type { Kinds } from '../api/documents';
import type { DraftState, DraftStore } from './draft/store';
import type { Pins } from './pins/pins';
import { type Suggestion, suggestions } from './suggestions';

export type PanelTab = 'node' | 'document' | 'changes' | 'problems' | 'import';

export type Builder = {
  store: DraftStore;
  state: DraftState;
  /** Null: the server does not describe its kinds. Undefined: not known yet. */
  kinds: Kinds | null | undefined;
  selected: string | null;
  select: (id: string | null) => void;
  /** Null: closed. */
  panel: PanelTab | null;
  open: (panel: PanelTab | null) => void;
  /** Why nothing can be edited by forms. */
  locked: string | null;
  pins: Pins;
  setPins: (pins: Pins) => void;
};

export const BuilderContext = createContext<Builder | null>(null);

export function useBuilder(): Builder {
  const builder = useContext(BuilderContext);
  if (!builder) throw new Error('outside of a builder');
  return builder;
}

export const useDraftState = (store: DraftStore): DraftState => useSyncExternalStore(store.subscribe, store.snapshot);

export function useSuggestions(): Suggestion[] {
  const { state, kinds, selected } = useBuilder();
  const { outline } = state;
  return useMemo(() => (outline ? suggestions(outline, kinds, selected) : []), [outline, kinds, selected]);
}
