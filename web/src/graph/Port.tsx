import { Handle, Position } from '@xyflow/react';
import style from './Port.module.css';

/** Where a line is dragged from: a node, or one of its branches (its share of the width says where it stands). */
export function OutPort({ branch = null, share = 0.5 }: { branch?: string | null; share?: number }) {
  return (
    <Handle
      type="source"
      id={branch}
      position={Position.Bottom}
      className={style.out}
      style={{ left: `${share * 100}%` }}
      title="Drag to the node that follows, or to a field that reads it"
    />
  );
}

/** Where it may be dropped: anywhere on the node. */
export const InPort = () => (
  <Handle type="target" position={Position.Top} className={style.in} isConnectableStart={false} />
);
