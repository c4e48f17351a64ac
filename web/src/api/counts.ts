/** How many there are of what waits for somebody. */
import { api, body } from './client';

const MANY = 100;

/** `100+` for more than a page. */
function countOf({ items, next_cursor }: { items: unknown[]; next_cursor: string | null }): string {
  return next_cursor ? `${MANY}+` : String(items.length);
}

export const countLiveRuns = async () =>
  countOf(await body(api.GET('/v1/runs', { params: { query: { status: 'running', limit: MANY } } })));

export const countGivenUpDeliveries = async () =>
  countOf(await body(api.GET('/v1/deliveries', { params: { query: { status: 'exhausted', limit: MANY } } })));

export const countQuestions = async () =>
  countOf(await body(api.GET('/v1/questions', { params: { query: { limit: MANY } } })));
