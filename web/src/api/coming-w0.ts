/** Parts of the API that the generated client does not know yet. Each goes when `npm run api` has it. */

import { ApiError, authorizedFetch, type Schemas } from './client';

export type RunStatus = Schemas['RunStatus'];

export type LastRun = {
  id: string;
  status: RunStatus;
  created_at: string;
  ended_at: string | null;
  error_code: string | null;
};

export type ListedWorkflow = Schemas['Workflow'] & { last_run?: LastRun | null; draft_ahead?: boolean };

type Page<Item> = { items: Item[]; next_cursor: string | null };

async function get<Answer>(path: string, query: Record<string, string | number | null> = {}): Promise<Answer> {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) if (value !== null) url.searchParams.set(name, String(value));
  return (await authorizedFetch(url.href, { cache: 'no-store' })).json();
}

let knowsLastRun = true;

/** A page of workflows, with their last runs from a server that knows of them. */
export async function listWorkflows(cursor: string | null): Promise<Page<ListedWorkflow>> {
  try {
    return await get('v1/workflows', { limit: 100, cursor, include: knowsLastRun ? 'last_run' : null });
  } catch (error) {
    if (!knowsLastRun || !(error instanceof ApiError)) throw error;
    // A server of today refuses the parameter; of a key without `read` it is refused, too.
    if (error.status === 400) knowsLastRun = false;
    else if (error.status !== 403) throw error;
    return get('v1/workflows', { limit: 100, cursor });
  }
}

const MANY = 100;

/** How many items a list has, `100+` for more than a page. */
async function count(path: string, query: Record<string, string>): Promise<string> {
  const page: Page<unknown> = await get(path, { ...query, limit: MANY });
  return page.next_cursor ? `${MANY}+` : String(page.items.length);
}

export const countLiveRuns = () => count('v1/runs', { status: 'running' });
export const countGivenUpDeliveries = () => count('v1/deliveries', { status: 'exhausted' });
export const countQuestions = () => count('v1/questions', {});
