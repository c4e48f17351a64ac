import { Page } from '../../ui/Page';

export default function Secrets() {
  return <Page title="Secrets">{null}</Page>;
}
