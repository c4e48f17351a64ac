/** What a caller gets: an example answer with the workflow's own outputs. */
import type { InterfaceOutput, SnippetMode, WorkflowInterface } from '../../../api/workflow';

export type Answer = { status: number | null; type: string; text: string };

const RUN = 'run_…';

export function exampleAnswer(face: WorkflowInterface, mode: SnippetMode): Answer {
  const output = Object.fromEntries(face.outputs.map((field) => [field.name, exampleValue(field)]));
  const run = { id: RUN, version: face.version, status: 'succeeded', output, error: null };
  switch (mode) {
    case 'stream':
      return { status: 200, type: 'text/event-stream', text: streamOf(face, run) };
    case 'async':
      return { status: 202, type: 'application/json', text: pretty({ ...run, status: 'pending', output: null }) };
    case 'webhook':
      // The document's own webhook gets the outputs alone, one that a start names the run.
      return { status: null, type: 'application/json', text: pretty(face.webhook ? output : run) };
    default:
      return { status: 200, type: 'application/json', text: pretty(run) };
  }
}

function exampleValue({ type, nullable }: InterfaceOutput): unknown {
  const values: Record<string, unknown> = { string: '…', number: 0, boolean: true, object: {}, array: [] };
  return type && type in values ? values[type] : nullable ? null : '…';
}

function streamOf(face: WorkflowInterface, run: object): string {
  const node = face.streams[0];
  const frames: [string, object][] = [['run.started', { run_id: RUN, version: face.version }]];
  if (node) frames.push(['chunk', { run_id: RUN, node, text: '…' }]);
  frames.push(['run.finished', run]);
  return frames.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}`).join('\n\n');
}

const pretty = (value: unknown) => JSON.stringify(value, null, 2);
