/**
 * What is known of a run that goes on, from its events. It is changed in place, since a run may have thousands of events;
 * whoever shows it paints once a frame.
 */
import type { Schemas } from '../../../api/client';
import type { RunEvent } from '../../../api/events';
import type { State } from '../../../ui/Status';

export type Run = Schemas['Run'];

export type NodeProgress = {
  /** With iterations: `chapters[2]/write`. */
  path: string;
  kind: string;
  state: State;
  startedAt: number;
  durationMs: number | null;
  attempt: number;
  tokens: number | null;
  cost: number | null;
  error: { code: string; message: string } | null;
  /** What it streamed. */
  text: string;
  chunks: number;
};

export class Progress {
  runId: string | null = null;
  run: Run | null = null;
  /** In the order in which they began. */
  readonly nodes = new Map<string, NodeProgress>();
  /** When the first chunk came, by this browser's clock. */
  firstChunkAt: number | null = null;
  events = 0;

  apply({ event, data }: RunEvent, now = Date.now()) {
    this.events += 1;
    this.runId ??= (data.run_id ?? data.id ?? null) as string | null;
    if (event === 'run.finished') {
      this.run = data as unknown as Run;
      this.close();
      return;
    }
    const path = data.node as string | undefined;
    if (!path) return;
    if (event === 'node.started') this.nodes.set(path, begun(data));
    const node = this.nodes.get(path);
    if (!node) return;
    if (event === 'node.attempt') node.attempt = Number(data.attempt);
    if (event === 'node.reset') Object.assign(node, { text: '', chunks: 0 });
    if (event === 'node.finished') finish(node, data);
    if (event === 'chunk') {
      node.text += data.text;
      node.chunks += 1;
      this.firstChunkAt ??= now;
    }
  }

  /** Takes over what a trace knows: durations, tokens and costs. */
  applyTrace(nodes: Schemas['NodeTrace'][]) {
    for (const traced of nodes) {
      const known = this.nodes.get(traced.node);
      this.nodes.set(traced.node, {
        text: known?.text ?? '',
        chunks: known?.chunks ?? 0,
        path: traced.node,
        kind: traced.kind,
        state: traced.status ?? known?.state ?? 'running',
        startedAt: traced.started_at ? Date.parse(traced.started_at) : (known?.startedAt ?? 0),
        durationMs: traced.duration_ms,
        attempt: traced.attempts,
        tokens: traced.tokens,
        cost: traced.cost_nano_usd,
        error: traced.error,
      });
    }
  }

  /** What was open when the run ended was cancelled with it. */
  private close() {
    for (const node of this.nodes.values()) if (node.state === 'running') node.state = 'cancelled';
  }

  get tokens() {
    return this.run ? this.run.usage.tokens : sum(this.nodes, (node) => node.tokens);
  }

  get cost() {
    return this.run ? this.run.usage.cost_nano_usd : sum(this.nodes, (node) => node.cost);
  }
}

function begun(data: Record<string, unknown>): NodeProgress {
  return {
    path: String(data.node),
    kind: String(data.kind),
    state: 'running',
    startedAt: Date.parse(String(data.at)),
    durationMs: null,
    attempt: Number(data.attempt ?? 1),
    tokens: null,
    cost: null,
    error: null,
    text: '',
    chunks: 0,
  };
}

function finish(node: NodeProgress, data: Record<string, unknown>) {
  node.state = data.status as State;
  node.error = (data.error ?? null) as NodeProgress['error'];
  const measured = data.duration_ms as number | null | undefined;
  node.durationMs = measured ?? Date.parse(String(data.at)) - node.startedAt;
  node.tokens = (data.tokens ?? null) as number | null;
  node.cost = (data.cost_nano_usd ?? null) as number | null;
}

function sum(nodes: Map<string, NodeProgress>, read: (node: NodeProgress) => number | null): number {
  let total = 0;
  for (const node of nodes.values()) total += read(node) ?? 0;
  return total;
}

/** The id of a node in the document: `write` for `chapters[2]/write`. */
export const idOf = (path: string) => path.slice(path.lastIndexOf('/') + 1).replace(/\[\d+\]$/, '');
