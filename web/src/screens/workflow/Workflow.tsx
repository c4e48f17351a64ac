import { Page } from '../../ui/Page';

export default function Workflow() {
  return <Page title="Workflow">{null}</Page>;
}
