/** What undo goes back through: whole texts, since text and forms edit the same document. */
export type History = {
  past: string[];
  text: string;
  future: string[];
  /** What the last edit was about, and when; the next one about the same soon after is one step with it. */
  last: { about: string; at: number } | null;
};

const MAX_STEPS = 200;
const MAX_CHARS = 20_000_000;
const TOGETHER_MS = 1_000;

export const begin = (text: string): History => ({ past: [], text, future: [], last: null });

export function record(history: History, text: string, about: string, now: number): History {
  if (text === history.text) return history;
  const { last } = history;
  const joins = last !== null && last.about === about && now - last.at < TOGETHER_MS && history.past.length > 0;
  const past = joins ? history.past : bounded([...history.past, history.text]);
  return { past, text, future: [], last: { about, at: now } };
}

export function undo(history: History): History {
  const text = history.past.at(-1);
  if (text === undefined) return history;
  return { past: history.past.slice(0, -1), text, future: [history.text, ...history.future], last: null };
}

export function redo(history: History): History {
  const [text, ...future] = history.future;
  if (text === undefined) return history;
  return { past: [...history.past, history.text], text, future, last: null };
}

/** The newest texts that fit. */
function bounded(past: string[]): string[] {
  let room = MAX_CHARS;
  const kept: string[] = [];
  for (const text of [...past].reverse().slice(0, MAX_STEPS)) {
    room -= text.length;
    if (room < 0) break;
    kept.push(text);
  }
  return kept.reverse();
}
