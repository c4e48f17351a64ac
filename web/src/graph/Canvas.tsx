import type { WorkflowGraphProps } from './WorkflowGraph';

export default function Canvas(_: Omit<WorkflowGraphProps, 'className'>) {
  return null;
}
