import { Skeleton } from '../../ui/Empty';

export default function WorkflowRuns(_: { workflowId: string }) {
  return <Skeleton />;
}
