import { useEffect, useRef, useSyncExternalStore } from 'react';
import { Listeners } from '../api/listeners';
import { bind } from './shortcuts';

/** What can be done on this page, declared once: the palette lists it, its shortcut is bound, the map shows it. */
export type PageAction = {
  id: string;
  label: string;
  /** What it is about: "this run". */
  hint?: string;
  /** A node is gone to rather than done. */
  kind?: 'node';
  /** The keys that do it, as `useShortcut` names them: `c`, `mod+s`. */
  shortcut?: string;
  run: () => void;
  /** Why it cannot be done now. The palette says so. */
  blocked?: string | null;
};

const registered = new Map<object, readonly PageAction[]>();
const listeners = new Listeners();
let all: readonly PageAction[] = [];

function changed() {
  all = [...registered.values()].flat();
  listeners.notify();
}

/** Registers the actions of the page while the component is mounted. The list may be new at each render. */
export function usePageActions(actions: PageAction[]) {
  const latest = useRef(actions);
  latest.current = actions;
  const shape = JSON.stringify(
    actions.map(({ id, label, hint, kind, shortcut, blocked }) => [id, label, hint, kind, shortcut, blocked]),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` is what of the list is shown; the rest is read when run
  useEffect(() => {
    const token = {};
    const run = (id: string) => {
      const action = latest.current.find((action) => action.id === id);
      if (action && !action.blocked) action.run();
    };
    registered.set(
      token,
      latest.current.map((action) => ({ ...action, run: () => run(action.id) })),
    );
    const unbind = latest.current.flatMap(({ id, label, shortcut }) =>
      shortcut ? [bind({ keys: shortcut, label, run: () => run(id) })] : [],
    );
    changed();
    return () => {
      registered.delete(token);
      for (const end of unbind) end();
      changed();
    };
  }, [shape]);
}

/** The actions of what is on the screen now. */
export const useActions = () => useSyncExternalStore(listeners.subscribe, () => all);
