import { Page } from '../../ui/Page';

export default function Deliveries() {
  return <Page title="Deliveries">{null}</Page>;
}
