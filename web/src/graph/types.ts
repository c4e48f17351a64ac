import type { Schemas } from '../api/client';
import type { State } from '../ui/Status';

/** What the server says of a workflow document: its nodes, what they read of each other, its input and its output. */
export type Outline = Schemas['Outline'];
export type OutlineNode = Schemas['OutlineNode'];

/** The ids of the two gates. No node can have them. */
export const INPUT = 'api';
export const OUTPUT = 'output';

/** What a run did to a node. */
export type NodeRun = {
  state: State;
  /** A duration, a cost or a count, as it is shown. */
  badge?: string;
  /** Of a container: how many times its body ran, and which of them is shown (null: all together). */
  iterations?: { count: number; shown: number | null; onShow: (iteration: number | null) => void };
};

/** A mark of a problem at a node's corner. */
export type NodeMark = 'error' | 'warning';
