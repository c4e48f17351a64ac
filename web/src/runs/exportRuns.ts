/** Runs with their inputs and outputs as JSON Lines, one run a line. */
import { listRuns, type Run, type RunPage, type RunQuery, readRun } from '../api/runs';

const AT_A_TIME = 4;
const PAGE = 100;
/** A browser holds the file in memory until it is saved. */
export const MOST_EXPORTED = 5_000;

export type Progress = (done: number) => void;

export async function readRuns(ids: string[], onProgress: Progress, signal: AbortSignal): Promise<Run[]> {
  const runs: Run[] = [];
  for (let start = 0; start < ids.length; start += AT_A_TIME) {
    const part = ids.slice(start, start + AT_A_TIME);
    runs.push(...(await Promise.all(part.map((id) => readRun(id, signal)))));
    onProgress(runs.length);
  }
  return runs;
}

/** All runs that match, `MOST_EXPORTED` at most. */
export async function readMatching(
  query: RunQuery,
  workflowId: string | undefined,
  onProgress: Progress,
  signal: AbortSignal,
): Promise<Run[]> {
  const runs: Run[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null && runs.length < MOST_EXPORTED) {
    const asked: RunQuery = { ...query, limit: PAGE, include: 'input,output', cursor };
    const page: RunPage = await listRuns(asked, workflowId, signal);
    runs.push(...page.items);
    cursor = page.next_cursor;
    onProgress(runs.length);
  }
  return runs.slice(0, MOST_EXPORTED);
}

export function saveAs(name: string, runs: Run[]) {
  const lines = runs.map((run) => `${JSON.stringify(run)}\n`);
  const url = URL.createObjectURL(new Blob(lines, { type: 'application/jsonl' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
