import { Page } from '../../ui/Page';

export default function Numbers() {
  return <Page title="Numbers">{null}</Page>;
}
