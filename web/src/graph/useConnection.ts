import { type Connection, type Edge, type FinalConnectionState, useReactFlow, type Viewport } from '@xyflow/react';
import { useRef, useState } from 'react';
import type { Link } from './flow';
import type { Connecting } from './WorkflowGraph';

/** A line that is dragged from a port, as React Flow wants it. */
export function useConnection(connecting: Connecting | undefined) {
  const flow = useReactFlow();
  const [isConnecting, setConnecting] = useState(false);
  const before = useRef<Viewport>(flow.getViewport());
  const start = () => {
    before.current = flow.getViewport();
    setConnecting(true);
  };
  const end = (event: MouseEvent | TouchEvent, { fromNode, isValid }: FinalConnectionState) => {
    setConnecting(false);
    if (!fromNode || isValid) return;
    const { clientX, clientY } = 'changedTouches' in event ? (event.changedTouches[0] ?? NOWHERE) : event;
    const isTaken = connecting?.drop(fromNode.id, document.elementFromPoint(clientX, clientY));
    // On its way out of the graph, the line moved the view.
    if (isTaken) flow.setViewport(before.current);
  };
  const props = {
    onConnectStart: start,
    onConnectEnd: end,
    onConnect: (connection: Connection) => connecting?.connect(linkOf(connection)),
    isValidConnection: (connection: Connection | Edge) => connecting?.mayConnect(linkOf(connection)) ?? false,
  };
  return { isConnecting, props };
}

const NOWHERE = { clientX: -1, clientY: -1 };

const linkOf = ({ source, target, sourceHandle }: Connection | Edge): Link => ({
  from: source,
  to: target,
  branch: sourceHandle ?? null,
});
