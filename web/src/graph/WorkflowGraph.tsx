import { classes } from '../ui/classes';
import { Skeleton } from '../ui/Empty';
import { lazily } from '../ui/lazily';
import type { Link } from './flow';
import type { NodeMark, NodeRun, Outline } from './types';
import style from './WorkflowGraph.module.css';

export type Connecting = {
  mayConnect: (link: Link) => boolean;
  connect: (link: Link) => void;
  /** A line was dropped outside of the graph. Returns whether something there took the node. */
  drop: (node: string, element: Element | null) => boolean;
};

export type WorkflowGraphProps = {
  outline: Outline;
  /** A node's id, `api` for the input, `output` for the output. */
  selected: string | null;
  onSelect: (id: string | null) => void;
  /** What a run did, by node id (and `api`, `output`). Nodes that are not in it are drawn as not reached. */
  states?: Record<string, NodeRun>;
  /** Nodes can be moved about only if this is false. */
  readOnly: boolean;
  /** What stands at the right of a node, by id: a median duration, a cost. A run's own badge wins. */
  badges?: Record<string, string>;
  /** Problems, by node id. */
  marks?: Record<string, NodeMark>;
  /** Where positions of nodes that were moved are kept in this browser. Without it they are not kept. */
  storageKey?: string;
  /** Keys that the graph does not handle itself: Enter, Delete, ⌘D, ⌘C, ⌘V, a. */
  onKey?: (event: React.KeyboardEvent, selected: string | null) => void;
  /** What happens when a line is dragged from a node to another one. Without it none can be. */
  connecting?: Connecting;
  className?: string;
};

const Canvas = lazily(() => import('./Canvas'), <Skeleton />);

/** A workflow as a graph. React Flow is loaded with the first one. */
export function WorkflowGraph({ className, ...props }: WorkflowGraphProps) {
  return (
    <div className={classes(style.graph, className)}>
      <Canvas {...props} />
    </div>
  );
}
