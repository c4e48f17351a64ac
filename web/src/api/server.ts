/** Whether the server answers, and until when it asks callers to hold back: known from every request. */

import { Listeners } from './listeners';

export type ServerState = {
  away: boolean;
  /** The time in ms until which the key has used up its rate; null if it has not. */
  busyUntil: number | null;
};

let state: ServerState = { away: false, busyUntil: null };
const listeners = new Listeners();

function become(next: Partial<ServerState>) {
  state = { ...state, ...next };
  listeners.notify();
}

export const server = {
  state: () => state,

  isAway() {
    if (!state.away) become({ away: true });
  },

  isBack() {
    if (state.away) become({ away: false });
  },

  isBusy(seconds: number) {
    become({ busyUntil: Date.now() + seconds * 1_000 });
  },

  isFree() {
    if (state.busyUntil !== null) become({ busyUntil: null });
  },

  subscribe: listeners.subscribe,
};
