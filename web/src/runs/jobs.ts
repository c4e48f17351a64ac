/** Which jobs a choice of runs allows: those that are over are replayed, those that go on are cancelled. */
import type { Schemas } from '../api/client';
import type { Run, RunChoice } from '../api/runs';

type End = Schemas['EndState'];
type Open = Schemas['OpenState'];
const ENDS = ['succeeded', 'failed', 'cancelled'] satisfies End[];
const isEnd = (status: Run['status']): status is End => (ENDS as string[]).includes(status);

/** The choice as a replay takes it. */
export function toReplay({ status, ...choice }: RunChoice): Schemas['BulkReplay'] {
  return { ...choice, ...(status && isEnd(status) && { status }) };
}

/** The choice as a cancellation takes it, which knows no errors: what has one is over. */
export function toCancel({ status, code: _, node: __, ...choice }: RunChoice): Schemas['BulkCancel'] {
  return { ...choice, ...(status && !isEnd(status) && { status: status satisfies Open }) };
}

type Loaded = { choice: RunChoice; runs: Pick<Run, 'status'>[]; complete: boolean };

/** Why none of the chosen runs can be replayed; null if some can. */
export function notReplayed({ choice, runs, complete }: Loaded): string | null {
  const none = complete ? !runs.some(({ status }) => isEnd(status)) : choice.status && !isEnd(choice.status);
  return none ? 'A run is replayed once it is over.' : null;
}

/** Why none of the chosen runs can be cancelled; null if some can. */
export function notCancelled({ choice, runs, complete }: Loaded): string | null {
  const ended = choice.code || choice.node || (choice.status && isEnd(choice.status));
  const none = complete ? runs.every(({ status }) => isEnd(status)) : ended;
  return none ? 'All chosen runs are over.' : null;
}

type Tried = Pick<Run, 'id' | 'created_at'>;

/**
 * The run that may be tried before the others. Conditions leave a run out by its time alone, so that it is then the newest,
 * and only if no other run began at the same time.
 */
export function trialOf<T extends Tried>({ choice, runs }: { choice: RunChoice; runs: T[] }): T | undefined {
  if (choice.run_ids) return runs[0];
  const [newest, next] = runs.toSorted((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at));
  return newest?.created_at === next?.created_at ? undefined : newest;
}

/** The choice without the run that was tried. */
export function withoutRun({ choice }: { choice: RunChoice }, { id, created_at }: Tried): RunChoice {
  if (choice.run_ids) return { ...choice, run_ids: choice.run_ids.filter((other) => other !== id) };
  return { ...choice, created_before: created_at };
}
