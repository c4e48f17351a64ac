import type { State } from '../ui/Status';

/** What the server says of a workflow document: its nodes, what they read of each other, its input and its output. */
export type Outline = {
  /** In the order of the document; a container stands before what it holds. */
  nodes: OutlineNode[];
  edges: OutlineEdge[];
  inputs: OutlineInput[];
  outputs: OutlineOutput[];
  /** Ids of nodes of the active version that this document no longer has. */
  removed: string[];
  /** The document is larger than an outline may be. */
  truncated?: boolean;
};

/** Where something stands in the document. */
export type Place = {
  /** A JSON Pointer. */
  path: string;
  /** From 1. */
  line: number;
  last_line: number;
};

export type OutlineNode = Place & {
  id: string;
  name: string | null;
  kind: string;
  /** The id of the container that holds it. */
  parent: string | null;
  /** One line about what the node touches: a model, `GET /tickets/{id}`, a condition. */
  touches: string | null;
  /** Names of the branches of a condition or a router. */
  branches: string[];
  /** Tools of an agent. */
  tools: { name: string; kind: string }[];
  /** Against the active version; null if none is active. */
  change: 'added' | 'changed' | null;
};

export type OutlineEdge = {
  /** A node's id, or `api` for the input. */
  from: string;
  /** A node's id, or `output` for the output section. */
  to: string;
  /** Of a condition or a router, or `error`. */
  branch: string | null;
  /** A JSON Pointer to the field with the reference; null for `after`. */
  field: string | null;
  /** What is read of `from`: `data.body`. Null for `after` and for the whole. */
  reference: string | null;
};

export type OutlineInput = {
  name: string;
  type: string;
  required: boolean;
  default?: unknown;
  description?: string;
  path: string;
};

export type OutlineOutput = { name: string; value: string; path: string; sources: string[] };

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
