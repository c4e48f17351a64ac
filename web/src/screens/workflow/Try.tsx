import { Skeleton } from '../../ui/Empty';

export default function Try(_: { workflowId: string }) {
  return <Skeleton />;
}
