import { expect, test } from 'vitest';
import type { WorkflowInterface } from '../../../api/workflow';
import { exampleAnswer } from './answer';

const face = {
  version: '1.0.2',
  outputs: [
    { name: 'reply', type: 'string', nullable: false, source: '<a.content>' },
    { name: 'score', type: null, nullable: true, source: '<a.data.score>' },
  ],
  streams: ['a'],
} as unknown as WorkflowInterface;

test('the answer of each mode has the workflow’s outputs', () => {
  expect(JSON.parse(exampleAnswer(face, 'wait').text).output).toEqual({ reply: '…', score: null });
  expect(JSON.parse(exampleAnswer(face, 'async').text)).toMatchObject({ status: 'pending', output: null });
  const stream = exampleAnswer(face, 'stream').text;
  expect(stream.split('\n\n')).toHaveLength(3);
  expect(stream).toContain('"node":"a"');
});
