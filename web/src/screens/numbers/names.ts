import type { StatsBy } from '../../api/stats';
import { useWorkflowName } from '../../api/workflows';
import { nameIn, useKeyNames } from '../../runs/names';

export const BYS: Record<StatsBy, { label: string; needsWorkflow?: true; failures?: true }> = {
  workflow: { label: 'Workflow' },
  version: { label: 'Version', needsWorkflow: true },
  key: { label: 'Key' },
  code: { label: 'Error code', failures: true },
  node: { label: 'Failed node', needsWorkflow: true, failures: true },
  state: { label: 'State' },
};

export const readBy = (text: string): StatsBy => (text in BYS ? (text as StatsBy) : 'workflow');

/** What the names in the sums stand for. */
export function useNames(by: StatsBy): (name: string | undefined) => string {
  const workflow = useWorkflowName();
  const keys = useKeyNames();
  return (name) => {
    if (name === undefined) return 'none';
    if (name === 'other') return 'all others';
    if (by === 'workflow') return workflow(name);
    if (by === 'key') return nameIn(keys, name) ?? name;
    return name;
  };
}

/** Where the runs behind a name are listed; null where they cannot be. */
export function runsOf(by: StatsBy, name: string | undefined, workflow: string): string | null {
  if (name === undefined || name === 'other' || (by === 'key' && name === 'admin')) return null;
  const query = new URLSearchParams(workflow ? { workflow } : {});
  query.set(
    { workflow: 'workflow', version: 'version', key: 'key', code: 'code', node: 'node', state: 'status' }[by],
    name,
  );
  if (by === 'code' || by === 'node') query.set('status', 'failed');
  return `/runs?${query}`;
}
