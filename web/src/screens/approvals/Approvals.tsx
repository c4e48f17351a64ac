import { Page } from '../../ui/Page';

export default function Approvals() {
  return <Page title="Approvals">{null}</Page>;
}
