/** What was last typed, per workflow. It stays in this tab alone, and goes with it. */
import type { Entries } from './fields';

const stored = (workflowId: string) => `flowgate.try.${workflowId}`;

export function rememberedEntries(workflowId: string): Entries | null {
  try {
    return JSON.parse(sessionStorage.getItem(stored(workflowId)) ?? 'null');
  } catch {
    return null;
  }
}

export function rememberEntries(workflowId: string, entries: Entries) {
  try {
    sessionStorage.setItem(stored(workflowId), JSON.stringify(entries));
  } catch {
    // The tab's storage is full: a large input is not worth an error.
  }
}
