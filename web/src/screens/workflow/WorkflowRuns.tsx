import { RunsView } from '../../runs/RunsView';

/** The tab "Runs" of a workflow. */
export default function WorkflowRuns({ workflowId }: { workflowId: string }) {
  return <RunsView workflowId={workflowId} />;
}
