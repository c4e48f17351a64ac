import { Skeleton } from '../../ui/Empty';

export default function Api(_: { workflowId: string }) {
  return <Skeleton />;
}
