/** Outlines for tests. */
import type { Outline, OutlineNode } from './types';

export function nodeOf(id: string, kind = 'template', parent: string | null = null): OutlineNode {
  const place = { path: `/nodes/${id}`, line: 1, last_line: 1 };
  return { ...place, id, name: null, kind, parent, touches: null, branches: [], tools: [], change: null };
}

export function outlineOf(nodes: OutlineNode[], edges: [string, string, string | null, string?][]): Outline {
  return {
    nodes,
    edges: edges.map(([from, to, reference, branch]) => ({
      from,
      to,
      reference,
      branch: branch ?? null,
      field: reference === null ? null : `/nodes/${to}/field`,
    })),
    inputs: [],
    outputs: [],
    removed: [],
    truncated: false,
  };
}

/** The workflow of the design: two branches, a loop, an agent with tools, a condition. */
export const example: Outline = {
  ...outlineOf(
    [
      { ...nodeOf('ticket', 'http'), touches: 'GET /tickets/{id}' },
      nodeOf('triage', 'agent'),
      { ...nodeOf('research', 'loop'), touches: 'triage.queries' },
      nodeOf('search', 'http', 'research'),
      nodeOf('digest', 'agent', 'research'),
      { ...nodeOf('answer', 'agent'), tools: [{ name: 'search_docs', kind: 'http' }] },
      { ...nodeOf('confident', 'condition'), branches: ['yes', 'otherwise'] },
      nodeOf('reply', 'http'),
      nodeOf('escalate', 'webhook'),
    ],
    [
      ['api', 'ticket', 'ticket_id'],
      ['api', 'triage', 'question'],
      ['triage', 'research', 'data.queries'],
      ['search', 'digest', 'data'],
      ['ticket', 'answer', 'data.body'],
      ['api', 'answer', 'question'],
      ['api', 'answer', 'tone'],
      ['research', 'answer', 'results'],
      ['answer', 'confident', 'data.confidence'],
      ['confident', 'reply', null, 'yes'],
      ['confident', 'escalate', null, 'otherwise'],
      ['answer', 'output', 'content'],
      ['triage', 'output', 'data.category'],
    ],
  ),
  inputs: ['ticket_id', 'question', 'tone'].map((name) => ({
    name,
    type: 'string',
    required: true,
    path: `/input/${name}`,
  })),
  outputs: [{ name: 'reply', value: '<answer.content>', path: '/output/reply', sources: ['answer'] }],
};
