import { expect, it } from 'vitest';
import type { Kind, Kinds } from '../api/documents';
import { choicesFor } from './choices';

const kind = (name: string, summary: string, more: Partial<Kind> = {}) =>
  ({ name, summary, group: 'call', role: 'step', ...more }) as Kind;

const kinds = {
  kinds: [
    kind('input', 'fields', { role: 'input', group: 'gate' }),
    kind('http', 'Sends a request'),
    kind('slack.send_message', 'Sends a message to a channel', { connector: 'slack' }),
    kind('slack.find_user', 'Finds a person', { connector: 'slack' }),
  ],
  connectors: [{ name: 'slack', summary: 'Messages', docs: '', secret: 'SLACK_TOKEN', has_login: true, scopes: [] }],
  node_fields: [],
  input_types: [],
} satisfies Kinds;

const shown = (query: string) =>
  choicesFor(kinds, query).map(({ label, choices }) => [label, ...choices.map((choice) => choice.id)]);

it('offers kinds by their group and vendors as one choice each', () => {
  expect(shown('')).toEqual([
    ['Calls', 'http'],
    ['Vendors', 'slack'],
  ]);
});

it('finds operations by name and by what they do, the best first', () => {
  expect(shown('slack.')).toEqual([['Found', 'slack.send_message', 'slack.find_user']]);
  expect(shown('send message')).toEqual([['Found', 'slack.send_message']]);
  expect(shown('sends')).toEqual([['Found', 'http', 'slack.send_message']]);
  expect(shown('input')).toEqual([]);
});
