/** What the palette offers, and which of it matches what is typed. */

export type Entry = {
  id: string;
  label: string;
  hint?: string;
  kind: 'action' | 'node' | 'place' | 'workflow' | 'run' | 'setting';
  shortcut?: string;
  blocked?: string | null;
  run: () => void;
};

const RUN_ID = /\brun_[0-9a-z]{8,}\b/;

/** The id of a run in pasted text: the id alone, a URL, a line of a log. */
export const runIdIn = (text: string): string | null => RUN_ID.exec(text)?.[0] ?? null;

const MOST = 50;

/** The entries that have every typed word, those that begin with the text first; otherwise in their given order. */
export function matching(entries: Entry[], typed: string): Entry[] {
  const text = typed.trim().toLowerCase();
  const words = text.split(/\s+/);
  const has = entries.filter((entry) => {
    const all = `${entry.label} ${entry.hint ?? ''} ${entry.id}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
  const rank = (entry: Entry) => {
    const label = entry.label.toLowerCase();
    if (!text || label.startsWith(text)) return 0;
    return label.split(/\s+/).some((word) => word.startsWith(text)) ? 1 : 2;
  };
  return has
    .map((entry) => [rank(entry), entry] as const)
    .sort(([a], [b]) => a - b)
    .slice(0, MOST)
    .map(([, entry]) => entry);
}
