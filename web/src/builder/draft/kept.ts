/** Edits that the server does not have yet, kept in the tab, so that a reload or a lost connection loses none. */

export type Kept = { text: string; base: string; etag: string | null };

const PREFIX = 'flowgate.edits.';

export function keepEdits(id: string, kept: Kept) {
  try {
    sessionStorage.setItem(PREFIX + id, JSON.stringify(kept));
  } catch {
    // Full, or not there: the edits are still in memory.
  }
}

export function forgetEdits(id: string) {
  try {
    sessionStorage.removeItem(PREFIX + id);
  } catch {
    // As above.
  }
}

export function keptEdits(id: string): Kept | null {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + id) ?? 'null');
  } catch {
    return null;
  }
}
