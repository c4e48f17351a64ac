/** The rows of the waterfall of a run, from its trace. */
import type { NodeTrace } from '../api/runs';
import type { State } from '../ui/Status';
import { blankNode } from './blankNode';
import { callNote, groupNote, iterationNote, nodeNote } from './notes';
import { type Clock, callPieces, nodePieces, type Piece } from './pieces';
import { below, belowNode, idOf, type TraceTree, traceTree } from './traceTree';

export type Row = {
  id: string;
  /** The path of the node that the row is of, or is part of. */
  path: string;
  label: string;
  kind: string;
  depth: number;
  state: State;
  fold: 'open' | 'closed' | null;
  pieces: Piece[];
  note: string;
  tries: number | null;
  tokens: number | null;
  costNanoUsd: number | null;
  reused: boolean;
};

/** Nodes of the document, in its order; what the run never reached is listed too. */
export type Planned = { id: string; kind: string; parent: string | null };
/** What the user opened and closed; all else is open, or closed where there is little room. */
export type Folds = { opened: ReadonlySet<string>; closed: ReadonlySet<string>; brief?: boolean };
export type Waterfall = { clock: Clock; tree: TraceTree; folds: Folds; queuedMs: number | null };

export function waterfall(
  nodes: NodeTrace[],
  planned: Planned[],
  context: { clock: Clock; folds: Folds; over: boolean; queuedMs: number | null },
): Row[] {
  const places = new Map(planned.map((node, index) => [node.id, index + 1]));
  const order = (path: string) =>
    path === 'api' ? 0 : (places.get(idOf(path)) ?? planned.length + (idOf(path) === 'output' ? 2 : 1));
  const tree = traceTree([...nodes, ...unreached(nodes, planned, context.over)], planned.length ? order : () => 0);
  const picture = { ...context, tree };
  return tree.top.flatMap((node) => nodeRows(picture, node, 0, idOf(node.node)));
}

function unreached(nodes: NodeTrace[], planned: Planned[], over: boolean): NodeTrace[] {
  const reached = new Set(nodes.map((node) => node.node));
  const top = planned.filter((node) => node.parent === null && !reached.has(node.id) && node.kind !== 'note');
  const missing = reached.has('output') || !planned.length ? top : [...top, { id: 'output', kind: 'output' }];
  return missing.map(({ id, kind }) => ({ ...blankNode(id, kind), status: over ? 'skipped' : null }));
}

export function stateOf(node: Pick<NodeTrace, 'status' | 'started_at' | 'kind'>): State {
  if (node.status) return node.status;
  if (!node.started_at) return 'pending';
  return node.kind === 'approval' || node.kind === 'wait' ? 'waiting' : 'running';
}

function nodeRows(picture: Waterfall, node: NodeTrace, depth: number, label: string): Row[] {
  const iterations = picture.tree.iterations.get(node.node) ?? [];
  const inner = picture.tree.inside.get(node.node) ?? [];
  const calls =
    node.calls.length > 1 || node.calls.some(({ call }) => call && picture.tree.inside.has(`${node.node}/${call}`));
  const holds = iterations.length > 0 || inner.length > 0 || calls;
  const { opened, closed, brief } = picture.folds;
  const open = holds && (brief ? opened.has(node.node) : !closed.has(node.node));
  const row: Row = {
    ...base(
      node,
      depth,
      label === 'api' ? 'input' : brief && iterations.length ? `${label} ×${iterations.length}` : label,
    ),
    fold: holds ? (open ? 'open' : 'closed') : null,
    pieces: rowPieces(picture, node, holds && (open || !node.calls.length)),
    note: nodeNote(node, picture.clock, { iterations: iterations.length, holds, queuedMs: picture.queuedMs }),
    ...sums(node, belowNode(picture.tree, node)),
  };
  if (!open) return [row];
  return [
    row,
    ...(calls ? callRows(picture, node, depth + 1) : []),
    ...inner.flatMap((child) => nodeRows(picture, child, depth + 1, idOf(child.node))),
    ...iterationRows(picture, node, iterations, depth + 1),
  ];
}

function rowPieces(picture: Waterfall, node: NodeTrace, holds: boolean): Piece[] {
  const queued = node.node === 'api' ? (picture.queuedMs ?? 0) : 0;
  if (queued > 0) return [{ look: 'queue', from: 0, to: queued }];
  return nodePieces(node, picture.clock, holds);
}

const base = (node: NodeTrace, depth: number, label: string) => ({
  id: node.node,
  path: node.node,
  label,
  kind: node.kind,
  depth,
  state: stateOf(node),
  tries: node.calls.length ? node.calls.reduce((sum, call) => sum + call.attempts.length, 0) : null,
  reused: node.reused === true,
});

/** What a node and all below it used; null where nothing is known. */
function sums(node: NodeTrace, inside: NodeTrace[]) {
  const all = [node, ...inside];
  const known = all.filter(({ tokens }) => tokens !== null);
  const priced = known.every(({ cost_nano_usd }) => cost_nano_usd !== null);
  return {
    tokens: known.length ? known.reduce((sum, { tokens }) => sum + (tokens ?? 0), 0) : null,
    costNanoUsd: known.length && priced ? known.reduce((sum, item) => sum + (item.cost_nano_usd ?? 0), 0) : null,
  };
}

/** The turns of an agent and the tools that they called, or the several calls of another node. */
function callRows(picture: Waterfall, node: NodeTrace, depth: number): Row[] {
  return node.calls.flatMap(({ call, attempts }) => {
    const inside = call ? (picture.tree.inside.get(`${node.node}/${call}`) ?? []) : [];
    const last = attempts.at(-1);
    const row: Row = {
      id: `${node.node}#${call ?? ''}`,
      path: node.node,
      label: callLabel(node, call),
      kind: call?.includes('tool') ? 'connector' : node.kind,
      depth,
      state: last?.status ?? 'running',
      fold: null,
      pieces: callPieces(attempts, picture.clock),
      note: callNote(attempts, picture.clock),
      tries: attempts.length,
      tokens: sum(attempts.map(({ tokens }) => tokens)),
      costNanoUsd: sum(attempts.map(({ cost_nano_usd }) => cost_nano_usd)),
      reused: last?.reused === true,
    };
    return [row, ...inside.flatMap((child) => nodeRows(picture, child, depth + 1, idOf(child.node)))];
  });
}

const sum = (values: (number | null)[]) =>
  values.some((value) => value !== null) ? values.reduce<number>((all, value) => all + (value ?? 0), 0) : null;

/** `turn2.tool0` is known by the tool's name, if the output has it. */
export function callLabel(node: NodeTrace, call: string | null): string {
  if (call === null) return node.kind === 'agent' ? 'turn 1' : 'first call';
  const tool = /^turn(\d+)\.tool(\d+)$/.exec(call);
  if (!tool) return call.replace(/^turn(\d+)$/, 'turn $1');
  const output = node.output as { tool_calls?: { turn: number; name: string }[] } | null;
  const ofTurn = output?.tool_calls?.filter(({ turn }) => turn === Number(tool[1])) ?? [];
  return ofTurn[Number(tool[2])]?.name ?? `tool ${Number(tool[2]) + 1} of turn ${tool[1]}`;
}

/** The first iteration and those that failed or go on are shown; what lies between is folded into one row. */
function iterationRows(picture: Waterfall, node: NodeTrace, iterations: number[], depth: number): Row[] {
  const rows: Row[] = [];
  for (const group of foldIterations(picture, node, iterations)) {
    const first = group.items[0] ?? 0;
    const id = `${node.node}[${first}]…`;
    const open = !group.folded || picture.folds.opened.has(id);
    if (group.folded) rows.push(groupRow(picture, node, group.items, { id, depth, open }));
    if (!open) continue;
    for (const iteration of group.items) {
      const children = picture.tree.inside.get(`${node.node}[${iteration}]`) ?? [];
      const at = depth + (group.folded ? 1 : 0);
      rows.push(...children.flatMap((child) => nodeRows(picture, child, at, `${idOf(child.node)}[${iteration}]`)));
    }
  }
  return rows;
}

type Group = { folded: boolean; items: number[] };

function foldIterations(picture: Waterfall, node: NodeTrace, iterations: number[]): Group[] {
  const groups: Group[] = [];
  iterations.forEach((iteration, index) => {
    const states = below(picture.tree, `${node.node}[${iteration}]`).map(({ status }) => status);
    const folded = index > 0 && states.every((status) => status !== null && status !== 'failed');
    const last = groups.at(-1);
    if (last && last.folded === folded) last.items.push(iteration);
    else groups.push({ folded, items: [iteration] });
  });
  // To fold one iteration saves little.
  return groups.map((group) => ({ ...group, folded: group.folded && group.items.length > 1 }));
}

function groupRow(
  picture: Waterfall,
  node: NodeTrace,
  items: number[],
  { id, depth, open }: { id: string; depth: number; open: boolean },
): Row {
  const inside = items.flatMap((iteration) => below(picture.tree, `${node.node}[${iteration}]`));
  const spans = inside.flatMap((child) => nodePieces(child, picture.clock, true).filter(({ look }) => look === 'span'));
  const from = Math.min(...spans.map((piece) => piece.from));
  const to = Math.max(...spans.map((piece) => piece.to));
  const tries = sum(
    inside.map(({ calls }) => (calls.length ? calls.reduce((n, call) => n + call.attempts.length, 0) : null)),
  );
  return {
    id,
    path: node.node,
    label: iterationNote(items),
    kind: node.kind,
    depth,
    state: 'succeeded',
    fold: open ? 'open' : 'closed',
    pieces: spans.length ? [{ look: 'span', from, to }] : [],
    note: spans.length ? groupNote(to - from) : '',
    tries,
    ...sums({ ...node, tokens: null, cost_nano_usd: null }, inside),
    reused: false,
  };
}
