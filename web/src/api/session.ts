/**
 * The key of whoever is signed in. It is held in memory, and in the tab's session storage if the user wants that;
 * it never gets into a URL, a cookie or local storage.
 */

const STORED = 'flowgate.key';

let current: string | null = sessionStorage.getItem(STORED);
const listeners = new Set<() => void>();

export const session = {
  key: () => current,

  signIn(key: string, keepForTab: boolean) {
    current = key;
    if (keepForTab) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
    for (const listener of listeners) listener();
  },

  signOut() {
    current = null;
    sessionStorage.removeItem(STORED);
    for (const listener of listeners) listener();
  },

  subscribe(listener: () => void) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};
