/**
 * What is known of a run that goes on. Events are collected as they come, and read at most once a frame: a run may have
 * thousands of them.
 */

import type { Schemas } from '../../../api/client';
import type { RunEvent } from '../../../api/events';
import { Listeners } from '../../../api/listeners';
import type { NodeTrace } from '../../../api/runs';
import { addEvents, emptyLive, mergeTrace } from '../../../runs/liveTrace';
import type { State } from '../../../ui/Status';

export type Run = Schemas['Run'];

export class Progress {
  runId: string | null = null;
  run: Run | null = null;
  /** When the first chunk came, by this browser's clock. */
  firstChunkAt: number | null = null;
  /** Counts the paints that were asked for: whoever shows it paints again when this changes. */
  version = 0;
  private readonly listeners = new Listeners();
  private frame = 0;
  private live = emptyLive();
  private unread: RunEvent[] = [];
  private trace: NodeTrace[] = [];

  apply(event: RunEvent, now = Date.now()) {
    this.runId ??= (event.data.run_id ?? event.data.id ?? null) as string | null;
    if (event.event === 'chunk') this.firstChunkAt ??= now;
    if (event.event === 'run.finished') this.run = event.data as unknown as Run;
    else this.unread.push(event);
  }

  readonly subscribe = this.listeners.subscribe;

  /** Asks for a paint, at most one a frame however often it is called. */
  changed = () => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.version += 1;
      this.listeners.notify();
    });
  };

  /** Forgets what nodes did: the run is read from its first event again. */
  restart() {
    this.live = emptyLive();
    this.unread = [];
  }

  /** Takes over what the trace of the ended run knows: tokens, costs, nodes that sent no events. */
  applyTrace(trace: NodeTrace[]) {
    this.trace = trace;
  }

  private read() {
    if (!this.unread.length) return;
    this.live = addEvents(this.live, this.unread);
    this.unread = [];
  }

  /** In the order in which they began. */
  nodes(): NodeTrace[] {
    this.read();
    return mergeTrace(this.trace, this.live);
  }

  /** What nodes streamed, by their paths. */
  texts(): Map<string, string> {
    this.read();
    return this.live.text;
  }

  tokens(): number | null {
    return this.run ? this.run.usage.tokens : sum(this.nodes().map((node) => node.tokens));
  }

  cost(): number | null {
    return this.run ? this.run.usage.cost_nano_usd : sum(this.nodes().map((node) => node.cost_nano_usd));
  }

  /** A node that is open when the run has ended was cancelled with it. */
  stateOf(node: NodeTrace): State {
    return node.status ?? (this.run ? 'cancelled' : 'running');
  }
}

const sum = (values: (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);

/**
 * Splits the path of a node into its iterations, its id in the document, and what stands below it: calls of an agent, nodes of
 * another workflow. `chapters[2]/write` is `write` in the iteration 2, `minutes/lines` stands below `minutes`.
 */
function partsOf(path: string): { iterations: string; id: string; below: string } {
  const [, iterations = '', id = '', below = ''] = /^((?:[^/]*\[\d+\]\/)*)([^/]*)(.*)$/.exec(path) ?? [];
  return { iterations, id: id.replace(/\[\d+\]$/, ''), below };
}

/** The id in the document. */
export const idOf = (path: string) => partsOf(path).id;

/** Whether the node is one of another workflow, or a call of an agent: the document does not have it. */
export const isBelow = (path: string) => partsOf(path).below !== '';

/** `write[2]` for `chapters[2]/write`. */
export function shortPath(path: string): string {
  const { iterations, id, below } = partsOf(path);
  return id + (iterations.match(/\[\d+\]/g) ?? []).join('') + below;
}
