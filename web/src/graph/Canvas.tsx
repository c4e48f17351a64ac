import {
  Background,
  BackgroundVariant,
  ConnectionLineType,
  MiniMap,
  type Node,
  type NodeChange,
  ReactFlow,
  type ReactFlowProps,
  ReactFlowProvider,
  useStore,
} from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import { useMemo, useRef, useState } from 'react';
import { groupOf } from '../ui/KindTile';
import style from './Canvas.module.css';
import { Lines } from './Lines';
import { Container, Gate, Step } from './Nodes';
import type { DrawnNode, NodeData } from './scene';
import { Tree } from './Tree';
import { useConnection } from './useConnection';
import { useDrawing } from './useDrawing';
import { useView } from './useView';
import { levelOf, MAX_ZOOM, MIN_ZOOM } from './viewport';
import type { WorkflowGraphProps } from './WorkflowGraph';
import { ZoomBar } from './ZoomBar';

const NODE_TYPES = { step: Step, gate: Gate, container: Container };
const NO_EDGES: never[] = [];
const MINIMAP_FROM = 12;
const MAP_SIZE = { width: 112, height: 124 };

type Props = Omit<WorkflowGraphProps, 'className'>;

export default function Canvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Drawing {...props} />
    </ReactFlowProvider>
  );
}

function Drawing(props: Props) {
  const { selected, onSelect, readOnly, onKey } = props;
  const drawing = useDrawing(props);
  const frame = useRef<HTMLDivElement>(null);
  const view = useView(frame, drawing, selected);
  const [hasFocus, setFocus] = useState(false);
  const [isMoving, setMoving] = useState(false);
  const connection = useConnection(props.connecting);
  const level = useStore((store) => levelOf(store.transform[2]));
  const choose = (id: string | null) => {
    onSelect(id);
    frame.current?.querySelector<HTMLElement>('[data-graph-tree] [tabindex="0"]')?.focus({ preventScroll: true });
  };
  return (
    <div
      ref={frame}
      className={style.frame}
      data-level={level}
      data-moving={isMoving || undefined}
      data-focus={hasFocus || undefined}
      data-connecting={connection.isConnecting || undefined}
    >
      <Tree {...drawing} selected={selected} onSelect={onSelect} onKey={onKey} onFocus={setFocus} onView={view.onKey} />
      <Flow
        drawing={drawing}
        readOnly={readOnly}
        onChoose={choose}
        onMoveStart={(event) => {
          view.onMove(event);
          setMoving(true);
        }}
        onMoveEnd={() => setMoving(false)}
        onInit={view.fit}
        nodesConnectable={!readOnly && props.connecting !== undefined}
        {...connection.props}
      />
      <ZoomBar onFit={view.fit} onTidy={readOnly ? null : view.tidy} />
    </div>
  );
}

type FlowProps = ReactFlowProps<Node<NodeData>> & {
  drawing: ReturnType<typeof useDrawing>;
  readOnly: boolean;
  onChoose: (id: string | null) => void;
};

/** What is seen: the nodes and lines, which the pointer moves and chooses. */
function Flow({ drawing, readOnly, onChoose, ...rest }: FlowProps) {
  const nodes = useFlowNodes(drawing, readOnly);
  const move = (changes: NodeChange<Node<NodeData>>[]) => {
    const found = positionsIn(changes);
    if (found.length > 0) drawing.setMoved((before) => ({ ...before, ...Object.fromEntries(found) }));
  };
  return (
    <ReactFlow
      nodes={nodes}
      edges={NO_EDGES}
      nodeTypes={NODE_TYPES}
      onNodesChange={move}
      onNodeDragStop={() => drawing.keep(drawing.moved)}
      onNodeClick={(_, node) => onChoose(node.id)}
      onPaneClick={() => onChoose(null)}
      nodesDraggable={!readOnly}
      {...rest}
      {...FIXED}
    >
      <Background variant={BackgroundVariant.Dots} gap={24} size={1.5} />
      <Lines lines={drawing.lines} />
      {nodes.length >= MINIMAP_FROM && <Overview />}
    </ReactFlow>
  );
}

const positionsIn = (changes: NodeChange<Node<NodeData>>[]) =>
  changes.flatMap((change) =>
    change.type === 'position' && change.position ? [[change.id, change.position] as const] : [],
  );

const Overview = () => (
  <MiniMap<Node<NodeData>>
    style={MAP_SIZE}
    pannable
    zoomable
    className={style.map}
    nodeClassName={mapClass}
    ariaLabel="Overview"
  />
);

/** What is the same in every drawing. The tree beside it has the keyboard, and the lines are our own. */
const FIXED = {
  onlyRenderVisibleElements: true,
  connectionLineType: ConnectionLineType.SmoothStep,
  connectionLineStyle: { stroke: 'var(--accent)', strokeWidth: 2, strokeDasharray: '4 4' },
  connectionRadius: 0,
  nodesFocusable: false,
  elementsSelectable: false,
  disableKeyboardA11y: true,
  deleteKeyCode: null,
  panOnScroll: true,
  zoomOnDoubleClick: false,
  minZoom: MIN_ZOOM,
  maxZoom: MAX_ZOOM,
  zIndexMode: 'manual',
  proOptions: { hideAttribution: true },
} as const;

const mapClass = ({ data, type }: Node<NodeData>) => {
  if (data.isSelected) return style.mapSelected ?? '';
  if (data.run?.state === 'failed') return style.mapFailed ?? '';
  return (
    (type === 'container' ? style.mapContainer : style[`map-${data.node ? groupOf(data.node.kind) : 'gate'}`]) ?? ''
  );
};

/** The nodes as React Flow wants them; those that did not change stay the same objects. */
function useFlowNodes({ nodes, moved }: ReturnType<typeof useDrawing>, readOnly: boolean): Node<NodeData>[] {
  const before = useRef(new WeakMap<DrawnNode, Node<NodeData>>());
  return useMemo(
    () =>
      nodes.map((drawn) => {
        const position = moved[drawn.id] ?? { x: drawn.box.x, y: drawn.box.y };
        const old = before.current.get(drawn);
        if (old && old.position.x === position.x && old.position.y === position.y && old.draggable === !readOnly)
          return old;
        const node = flowNode(drawn, position, !readOnly);
        before.current.set(drawn, node);
        return node;
      }),
    [nodes, moved, readOnly],
  );
}

function flowNode({ id, type, box, data }: DrawnNode, position: { x: number; y: number }, draggable: boolean) {
  const parent = box.parent === null ? {} : { parentId: box.parent, extent: 'parent' as const };
  const zIndex = type === 'container' ? 0 : 5;
  return { id, type, data, position, draggable, zIndex, width: box.width, height: box.height, ...parent };
}
