import { useEffect, useRef, useSyncExternalStore } from 'react';
import { Listeners } from '../api/listeners';
import { readText, writeText } from '../api/storage';
import { isSingle, nameOf, worksInText } from './keys';

/** Keyboard shortcuts: one listener, many bindings; of two for the same keys the one bound last wins. */

type Options = {
  /** What it does, for the map that `?` shows. Without it the binding is not in the map. */
  label?: string;
  /** Works while a modal dialog is open, too. */
  inDialog?: boolean;
  /** Not bound at all while this is true. */
  off?: boolean;
  /** Gives way to every other binding of the same keys. */
  yields?: boolean;
};

type Run = (event: KeyboardEvent) => void;
type Binding = { keys: string; label?: string; inDialog?: boolean; yields?: boolean; run: Run };

const STORED = 'flowgate.shortcuts';
const PAUSE_MS = 1_000;
export const APPLE = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? '');

const bindings: Binding[] = [];
const listeners = new Listeners();
let first: { name: string; at: number } | null = null;

/**
 * Binds keys while the component is mounted: `c`, `g w`, `mod+s`, `shift+F8`. Single signs do not work in text fields, and not
 * at all if the user switched them off. The handler may return nothing; the browser's own action is prevented.
 */
export function useShortcut(keys: string, run: Run, options: Options = {}) {
  const latest = useRef(run);
  latest.current = run;
  const { label, inDialog, off, yields } = options;
  useEffect(() => {
    if (off) return;
    return bind({ keys, label, inDialog, yields, run: (event) => latest.current(event) });
  }, [keys, label, inDialog, off, yields]);
}

/** Binds keys until the function that it returns is called. */
export function bind(binding: Binding): () => void {
  if (binding.yields) bindings.unshift(binding);
  else bindings.push(binding);
  changed();
  return () => {
    bindings.splice(bindings.indexOf(binding), 1);
    changed();
  };
}

let map: readonly Binding[] = [];

function changed() {
  map = [...bindings];
  listeners.notify();
}

/** What is bound now, for the map. */
export const useBindings = () => useSyncExternalStore(listeners.subscribe, () => map);

/** Whether single letters act. */
export const singlesAreOn = () => readText('browser', STORED) !== 'off';

export const switchSingles = (on: boolean) => writeText('browser', STORED, on ? null : 'off');

function inText(event: KeyboardEvent): boolean {
  // The editor lives in a shadow root, from outside of which its host is the target.
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches('textarea, select')) return true;
  return target.matches('input:not([type=checkbox], [type=radio], [type=button], [type=range])');
}

function find(name: string, text: boolean): Binding | undefined {
  const modal = document.querySelector('dialog:modal') !== null;
  const on = singlesAreOn();
  return bindings.findLast(
    (binding) =>
      binding.keys === name &&
      (binding.inDialog || !modal) &&
      (!text || worksInText(binding.keys)) &&
      (on || !isSingle(binding.keys)),
  );
}

function onKeyDown(event: KeyboardEvent) {
  if (event.defaultPrevented || event.isComposing || ['Shift', 'Control', 'Alt', 'Meta'].includes(event.key)) return;
  const name = nameOf(event, APPLE);
  const text = inText(event);
  const started = first && Date.now() - first.at < PAUSE_MS ? first.name : null;
  const binding = (started && find(`${started} ${name}`, text)) || find(name, text);
  first = text ? null : { name, at: Date.now() };
  if (!binding) return;
  first = null;
  event.preventDefault();
  binding.run(event);
}

globalThis.document?.addEventListener('keydown', onKeyDown);
