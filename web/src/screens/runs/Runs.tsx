import { RunsView } from '../../runs/RunsView';

export default function Runs() {
  return <RunsView />;
}
