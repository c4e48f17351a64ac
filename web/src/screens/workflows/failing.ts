import type { Schemas } from '../../api/client';
import type { StatsItem } from '../../api/stats';
import type { WorkflowRow } from './workflowRows';

/** How a workflow fails with the version that callers run. */
export type Failing = {
  failed: number;
  runs: number;
  version: string;
  /** When the version became active; null if that was before the chosen time. */
  since: string | null;
  /** The version before it, and its share of failed runs if it ran in the chosen time. */
  before: { version: string; rate: number | null } | null;
  /** Where the runs fail, if most do at one node. */
  node: { name: string; all: boolean } | null;
  code: string | null;
};

const FEWEST = 3;
const SUSPICIOUS = 0.01;
const FAILING = 0.05;

/** Whether it is worth to look at the versions of a workflow. */
export const isSuspicious = ({ workflow, total }: WorkflowRow) =>
  workflow.active_version !== null &&
  total !== null &&
  total.failed >= FEWEST &&
  (total.failure_rate ?? 0) >= SUSPICIOUS;

type Sums = { versions: StatsItem[]; nodes: StatsItem[]; codes: StatsItem[]; published: Schemas['Version'][] };

/** Returns how the active version fails; null if it does not, or not more often than the one before. */
export function findFailing(workflow: WorkflowRow['workflow'], from: Date, sums: Sums): Failing | null {
  const version = workflow.active_version;
  const active = sums.versions.find((item) => item.name === version);
  const rate = active?.failure_rate ?? 0;
  if (!version || !active || active.failed < FEWEST || rate < FAILING) return null;
  const at = sums.published.findIndex((one) => one.version === version);
  const earlier = at < 0 ? undefined : sums.published[at + 1];
  const before = sums.versions.find((item) => item.name === earlier?.version);
  const activated = workflow.activated_at;
  return {
    failed: active.failed,
    runs: active.runs,
    version,
    since: activated && new Date(activated) > from ? activated : null,
    before: earlier ? { version: earlier.version, rate: before?.failure_rate ?? null } : null,
    node: mostAt(sums.nodes, active.failed),
    code: mostAt(sums.codes, active.failed)?.name ?? null,
  };
}

/** The name that most of the failures have. */
function mostAt(items: StatsItem[], failed: number): { name: string; all: boolean } | null {
  const top = items.toSorted((a, b) => b.failed - a.failed).at(0);
  if (!top?.name || top.name === 'other' || top.failed * 2 < failed) return null;
  return { name: top.name, all: items.length === 1 && top.failed >= failed };
}
