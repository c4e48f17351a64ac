import { barsOf, type Range } from '../../api/range';
import type { StatsItem } from '../../api/stats';
import type { ListedWorkflow } from '../../api/workflows';
import type { Bar } from '../../ui/Sparkline';

/** A workflow with its numbers in the chosen time; null where there are none to be had. */
export type WorkflowRow = { workflow: ListedWorkflow; total: StatsItem | null; bars: Bar[] | null };

/** Joins the workflows with their sums and their bars. */
export function joinRows(
  workflows: ListedWorkflow[],
  totals: StatsItem[] | undefined,
  steps: StatsItem[] | undefined,
  range: Range,
  from: Date,
): WorkflowRow[] {
  const total = new Map(totals?.map((item) => [item.name, item]));
  const stepsOf = new Map<string | undefined, StatsItem[]>();
  for (const item of steps ?? []) stepsOf.set(item.name, [...(stepsOf.get(item.name) ?? []), item]);
  return workflows.map((workflow) => ({
    workflow,
    total: total.get(workflow.id) ?? null,
    bars: steps ? barsOf(stepsOf.get(workflow.id) ?? [], range, from) : null,
  }));
}

/** Whether the name or id has the text. */
export function hasText({ workflow }: WorkflowRow, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return workflow.name.toLowerCase().includes(wanted) || workflow.id.toLowerCase().includes(wanted);
}

/** "+8 % on the 7 days before"; null where there is nothing to compare with. */
export function change(now: number, before: number, words: string): string | null {
  if (!before) return null;
  const percent = Math.round(((now - before) / before) * 100);
  if (percent === 0) return `as in the ${words} before`;
  return `${percent > 0 ? '+' : '−'}${Math.abs(percent)} % on the ${words} before`;
}
