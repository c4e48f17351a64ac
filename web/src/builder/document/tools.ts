import { useEffect, useState } from 'react';

export type Tools = typeof import('./all');

let loaded: Tools | null = null;

/** What reads and writes documents, loaded once; the page shows itself without it. */
export async function loadTools(): Promise<Tools> {
  loaded ??= await import('./all');
  return loaded;
}

/** Acts at once where the tools are loaded, so that what is typed is in the document before it is saved. */
export function withTools(act: (tools: Tools) => void) {
  if (loaded) act(loaded);
  else void loadTools().then(act);
}

/** Null until they are loaded. */
export function useTools(): Tools | null {
  const [tools, setTools] = useState(loaded);
  useEffect(() => void loadTools().then(setTools), []);
  return tools;
}
