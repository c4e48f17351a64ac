/** The workflows to start from. They run without a provider; their texts are the repository's own examples. */

import digest from '../../../../examples/digest.yaml?raw';
import greeting from '../../../../examples/greeting.yaml?raw';
import refund from '../../../../examples/refund.yaml?raw';
import triage from '../../../../examples/triage.yaml?raw';
import type { Group } from '../../ui/KindTile';
import { withoutHead } from './newDocument';

export type Example = {
  id: string;
  name: string;
  summary: string;
  document: string;
  /** The graph in little: rows of nodes from top to bottom. */
  sketch: Group[][];
};

export const EXAMPLES: Example[] = [
  {
    id: 'greeting',
    name: 'Greeting',
    summary: 'Two fields in, one text out: the smallest useful workflow.',
    document: withoutHead(greeting),
    sketch: [['gate'], ['data'], ['gate']],
  },
  {
    id: 'triage',
    name: 'Mail triage',
    summary: 'Code that counts, a condition, and three branches.',
    document: withoutHead(triage),
    sketch: [['gate'], ['data'], ['flow'], ['data', 'data', 'data'], ['gate']],
  },
  {
    id: 'digest',
    name: 'Digest',
    summary: 'A model for each item at the same time, a loop, a webhook.',
    document: withoutHead(digest),
    sketch: [['gate'], ['flow', 'flow'], ['model', 'data'], ['call', 'gate']],
  },
  {
    id: 'refund',
    name: 'Refund',
    summary: 'A person approves before anything goes out, then a pause.',
    document: withoutHead(refund),
    sketch: [['gate'], ['people'], ['people', 'data'], ['gate']],
  },
];

export const FROM_SCRATCH = `input:
  - { name: text, type: string, description: What comes in }

nodes:
  - { id: answer, type: template, template: "You wrote: <api.text>" }

output:
  answer: <answer.content>
`;
