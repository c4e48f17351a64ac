import { CircleAlert } from 'lucide-react';
import { Component, type ReactNode } from 'react';
import { Button } from '../ui/Button';
import { CopyButton } from '../ui/CodeBlock';
import { Empty } from '../ui/Empty';

type Props = { route: string; children: ReactNode };
type State = { error: Error | null; route: string };

/** Keeps an error of one page to that page: the places stay, and going elsewhere clears it. */
export class RouteBoundary extends Component<Props, State> {
  override state: State = { error: null, route: this.props.route };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  static getDerivedStateFromProps(props: Props, state: State) {
    return props.route === state.route ? null : { error: null, route: props.route };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return isMissingChunk(error) ? (
      <NewRelease />
    ) : (
      <Broken error={error} onRetry={() => this.setState({ error: null })} />
    );
  }
}

/** A page's script that is no longer there: the server was updated since the console was loaded. */
const isMissingChunk = (error: Error) =>
  /dynamically imported module|module script failed|preload/i.test(error.message);

const reload = () => location.reload();

const NewRelease = () => (
  <Empty
    icon={<CircleAlert />}
    title="This page could not be loaded"
    actions={
      <Button look="primary" onClick={reload}>
        Reload
      </Button>
    }
  >
    The server was updated since you opened the console, or does not answer. Reloading gets the new console; it asks for
    the key again unless you keep it for this tab.
  </Empty>
);

const Broken = ({ error, onRetry }: { error: Error; onRetry: () => void }) => (
  <Empty
    icon={<CircleAlert />}
    title="This page failed"
    actions={
      <>
        <Button look="primary" onClick={onRetry}>
          Try again
        </Button>
        <Button onClick={reload}>Reload</Button>
        <CopyButton text={`${error.stack ?? error.message}\n${location.pathname}`} label="Copy the report" />
      </>
    }
  >
    A fault of the console, not of your workflow; nothing on the server changed. It says: {error.message} If it comes
    again, report it with what you did.
  </Empty>
);
