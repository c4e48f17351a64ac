/**
 * The key of whoever is signed in. It is held in memory, and in the tab's session storage if the user wants that;
 * it never gets into a URL, a cookie or local storage.
 */

import { Listeners } from './listeners';
import { readText, writeText } from './storage';

const STORED = 'flowgate.key';

let current: string | null = readText('tab', STORED);
/** Why another key is asked for over the page: the server no longer takes this one, or the user wants to change it. */
export type Asks = 'ended' | 'change';

let asks: Asks | null = null;
const listeners = new Listeners();
const changed = () => listeners.notify();

export const session = {
  key: () => current,

  /** Whether another key is asked for over the page. */
  asks: () => asks,

  ask(why: Asks | null) {
    if (current === null || asks === why) return;
    asks = why;
    changed();
  },

  signIn(key: string, keepForTab: boolean) {
    current = key;
    asks = null;
    writeText('tab', STORED, keepForTab ? key : null);
    changed();
  },

  signOut() {
    current = null;
    asks = null;
    writeText('tab', STORED, null);
    changed();
  },

  subscribe: listeners.subscribe,
};
