import { Skeleton } from '../../ui/Empty';

export default function Versions(_: { workflowId: string }) {
  return <Skeleton />;
}
