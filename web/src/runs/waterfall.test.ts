import { describe, expect, it } from 'vitest';
import type { Schemas } from '../api/client';
import type { NodeTrace } from '../api/runs';
import { runClock, timeSpent } from './pieces';
import { type Folds, type Planned, waterfall } from './waterfall';

const T0 = Date.parse('2026-01-31T08:15:00.000Z');
const at = (ms: number) => new Date(T0 + ms).toISOString();
const FOLDS: Folds = { opened: new Set(), closed: new Set() };
const context = { clock: { origin: T0, now: T0 + 20_000 }, folds: FOLDS, over: true, queuedMs: 400 };

type Attempt = Schemas['AttemptTrace'];
const attempt = (number: number, from: number, to: number | null, more: Partial<Attempt> = {}): Attempt => ({
  attempt: number,
  queued_at: at(from),
  started_at: at(from),
  ended_at: to === null ? null : at(to),
  status: to === null ? null : 'succeeded',
  code: null,
  http_status: null,
  finish_reason: null,
  tokens: null,
  cost_nano_usd: null,
  ...more,
});

function node(path: string, kind: string, from: number, ms: number | null, more: Partial<NodeTrace> = {}): NodeTrace {
  return {
    node: path,
    kind,
    status: ms === null ? null : 'succeeded',
    attempts: 1,
    parent: null,
    ready_at: null,
    started_at: at(from),
    duration_ms: ms,
    input: null,
    output: null,
    error: null,
    tokens: null,
    cost_nano_usd: null,
    calls: [],
    ...more,
  };
}

const rows = (nodes: NodeTrace[], planned: Planned[] = [], more: Partial<typeof context> = {}) =>
  waterfall(nodes, planned, { ...context, ...more });

describe('the waterfall', () => {
  it('hatches the queue of the run and of a node', () => {
    const [input, late] = rows([
      node('api', 'input', 400, 0),
      node('late', 'http', 900, 100, {
        ready_at: at(600),
        calls: [{ call: null, attempts: [attempt(1, 900, 1_000)] }],
      }),
    ]);
    expect(input).toMatchObject({
      label: 'input',
      note: '400 ms in queue',
      pieces: [{ look: 'queue', from: 0, to: 400 }],
    });
    expect(late?.pieces).toEqual([
      { look: 'queue', from: 600, to: 900 },
      { look: 'work', from: 900, to: 1_000 },
    ]);
    expect(late?.note).toBe('300 ms in queue + 100 ms');
  });

  it('counts the queue of a node and of its call together, once', () => {
    const calls = [{ call: null, attempts: [attempt(1, 1_000, 1_200, { queued_at: at(900) })] }];
    expect(rows([node('late', 'http', 900, 300, { ready_at: at(600), calls })])[0]?.note).toBe(
      '400 ms in queue + 200 ms',
    );
  });

  it('shows failed attempts red and the pauses between them', () => {
    const failed = { status: 'failed', code: 'http_status', http_status: 503 } as const;
    const calls = [
      {
        call: null,
        attempts: [attempt(1, 0, 100, failed), attempt(2, 1_100, 1_200, failed), attempt(3, 3_000, 3_100, failed)],
      },
    ];
    const trace = [node('reply', 'http', 0, 3_100, { status: 'failed', calls })];
    const [reply] = rows(trace);
    expect(reply?.pieces.map(({ look }) => look)).toEqual(['failed', 'pause', 'failed', 'pause', 'failed']);
    expect(reply).toMatchObject({ note: '503 three times', tries: 3, state: 'failed' });
    expect(timeSpent(trace, context.clock)).toEqual({ work: 300, paused: 2_800 });
  });

  it('ends the call that a cancelled run left at the end of the run, however late one looks', () => {
    const calls = [{ call: null, attempts: [attempt(1, 0, null)] }];
    const trace = [node('reply', 'agent', 0, 11, { status: 'cancelled', calls })];
    const clock = runClock({ created_at: at(0), ended_at: at(11) }, T0 + 3_600_000);
    const [reply] = rows(trace, [], { clock });
    expect(reply).toMatchObject({ pieces: [{ look: 'work', from: 0, to: 11 }], note: '11 ms' });
    expect(timeSpent(trace, clock)).toEqual({ work: 11, paused: 0 });
  });

  it('lets the call of a run that goes on grow', () => {
    const calls = [{ call: null, attempts: [attempt(1, 0, null)] }];
    const clock = runClock({ created_at: at(0), ended_at: null }, T0 + 2_000);
    const [reply] = rows([node('reply', 'agent', 0, null, { calls })], [], { clock, over: false });
    expect(reply?.pieces).toEqual([{ look: 'live', from: 0, to: 2_000 }]);
  });

  it('says what an attempt that succeeded later had failed with', () => {
    const calls = [
      {
        call: null,
        attempts: [
          attempt(1, 0, 100, { status: 'failed', code: 'rate_limited', http_status: 429 }),
          attempt(2, 1_100, 2_000),
        ],
      },
    ];
    expect(rows([node('answer', 'http', 0, 2_000, { calls })])[0]?.note).toBe('429, again after 1 s');
  });

  it('lists turns and tools of an agent, the tool by its name', () => {
    const calls = [
      { call: null, attempts: [attempt(1, 0, 100, { tokens: 7, cost_nano_usd: 10 })] },
      { call: 'turn1.tool0', attempts: [attempt(1, 100, 300)] },
      { call: 'turn2', attempts: [attempt(1, 300, 400, { tokens: 5, cost_nano_usd: 20 })] },
    ];
    const output = { tool_calls: [{ turn: 1, name: 'order_status' }] };
    const all = rows([node('answer', 'agent', 0, 400, { calls, output, tokens: 12, cost_nano_usd: 30 })]);
    expect(all.map(({ label, depth, tokens }) => [label, depth, tokens])).toEqual([
      ['answer', 0, 12],
      ['turn 1', 1, 7],
      ['order_status', 1, null],
      ['turn 2', 1, 5],
    ]);
    expect(all[0]).toMatchObject({ fold: 'open', pieces: [{ look: 'span', from: 0, to: 400 }] });
  });

  it('folds iterations after the first, and not the ones that failed', () => {
    const loop = node('research', 'loop', 0, 4_000, { output: { results: [1, 2, 3, 4] } });
    const inner = [0, 1, 2, 3].map((i) =>
      node(`research[${i}]/digest`, 'agent', i * 1_000, 900, {
        tokens: 10,
        cost_nano_usd: 5,
        status: i === 3 ? 'failed' : 'succeeded',
      }),
    );
    const all = rows([loop, ...inner]);
    expect(all.map(({ label }) => label)).toEqual(['research', 'digest[0]', '[1] and [2]', 'digest[3]']);
    expect(all[0]).toMatchObject({ note: '4 s, 4 of 4', tokens: 40, costNanoUsd: 20 });
    const open = rows([loop, ...inner], [], { folds: { opened: new Set([all[2]?.id ?? '']), closed: new Set() } });
    expect(open.map(({ label }) => label)).toEqual([
      'research',
      'digest[0]',
      '[1] and [2]',
      'digest[1]',
      'digest[2]',
      'digest[3]',
    ]);
    const closed = rows([loop, ...inner], [], { folds: { opened: new Set(), closed: new Set(['research']) } });
    expect(closed).toHaveLength(1);
  });

  it('lists nodes of workflows that run inside', () => {
    const all = rows([node('minutes', 'workflow', 0, 10), node('minutes/lines', 'function', 0, 5)]);
    expect(all.map(({ label, depth }) => [label, depth])).toEqual([
      ['minutes', 0],
      ['lines', 1],
    ]);
  });

  it('keeps the order of the document, and lists what was never reached', () => {
    const planned = ['a', 'b', 'c'].map((id) => ({ id, kind: 'http', parent: null }));
    const trace = [node('api', 'input', 0, 0), node('b', 'http', 0, 10), node('a', 'http', 20, 10)];
    const all = rows(trace, planned);
    expect(all.map(({ label, state }) => [label, state])).toEqual([
      ['input', 'succeeded'],
      ['a', 'succeeded'],
      ['b', 'succeeded'],
      ['c', 'skipped'],
      ['output', 'skipped'],
    ]);
    expect(rows(trace, planned, { over: false }).at(-1)?.state).toBe('pending');
  });

  it('lets what runs grow to now', () => {
    const [live] = rows([
      node('slow', 'http', 1_000, null, { calls: [{ call: null, attempts: [attempt(1, 1_000, null)] }] }),
    ]);
    expect(live).toMatchObject({ state: 'running', pieces: [{ look: 'live', from: 1_000, to: 20_000 }] });
  });
});
