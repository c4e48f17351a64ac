import { CompletionContext } from '@codemirror/autocomplete';
import { EditorState } from '@codemirror/state';
import { describe, expect, test, vi } from 'vitest';
import type { FieldSpec, Kind } from '../api/documents';
import { example } from '../graph/fixture';
import { beginning, matching } from './form/completing';
import { controlOf, formHelpOf, isCommon, parsed } from './form/controls';
import { followers, part, pinsOf } from './pins/pins';
import { suggestions } from './suggestions';

vi.stubGlobal('document', { baseURI: 'http://localhost/' });
vi.stubGlobal('sessionStorage', { getItem: () => null });
const { placeOf } = await import('./lookup');
const { completer } = await import('./editor/completion');

const field = (name: string, type: string, more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  type,
  help: 'help',
  default: null,
  required: false,
  secrets: false,
  ...more,
});

const kind = (name: string, outputs: string[] | null, fields: FieldSpec[] = []): Kind => ({
  name,
  summary: name,
  details: '',
  group: 'data',
  role: 'step',
  calls: false,
  example: '',
  fields,
  outputs,
});

const kinds = {
  kinds: [
    kind('http', ['status', 'data']),
    kind('agent', ['content'], [field('max_turns', 'integer')]),
    kind('loop', ['results']),
  ],
  connectors: [],
  node_fields: [field('after', 'after')],
  input_types: ['string'],
};

describe('what can be referred to', () => {
  const paths = (selected: string) => suggestions(example, kinds, selected).map(({ path }) => path);

  test('is the input, and outputs of nodes of the same list or around it', () => {
    expect(paths('answer')).toContain('api.question');
    expect(paths('answer')).toContain('research.results');
    expect(paths('answer')).not.toContain('search.data');
    expect(paths('digest')).toEqual(expect.arrayContaining(['loop.item', 'search.data', 'ticket.status']));
    expect(paths('digest')).not.toContain('research.results');
  });

  test('has what the document reads already, since authors name fields', () => {
    expect(paths('digest')).toContain('ticket.data.body');
  });

  test('is found by its beginning first, then by any part', () => {
    expect(beginning('Hi <tick', 8)).toEqual({ at: 3, text: 'tick' });
    expect(beginning('1 < 2 and x', 11)).toBeNull();
    const all = ['api.data', 'data.x', 'y'].map((path) => ({ path, from: '' }));
    expect(matching(all, 'data').map(({ path }) => path)).toEqual(['data.x', 'api.data']);
  });
});

describe('a control', () => {
  test('fits the type, and is YAML where a form cannot show the value', () => {
    expect(controlOf(field('prompt', 'text'), 'x')).toBe('long text');
    expect(controlOf(field('prompt', 'text'), { raw: 'x' })).toBe('yaml');
    expect(controlOf(field('headers', 'texts'), { a: { b: 1 } })).toBe('yaml');
    expect(controlOf(field('tools', 'items'), [{ name: 'x' }])).toBe('items');
    expect(controlOf(field('x', 'a type of a later release'), 1)).toBe('yaml');
  });

  test('reads numbers where they belong, and nothing from an empty text', () => {
    expect(parsed(field('max', 'number_ref'), '3')).toBe(3);
    expect(parsed(field('max', 'number_ref'), '<a.b>')).toBe('<a.b>');
    expect(parsed(field('id', 'text'), '3')).toBe('3');
    expect(parsed(field('id', 'text'), '')).toBeUndefined();
  });

  test('is shown at once if it must be set, is set or is usual', () => {
    expect(isCommon(field('rare', 'text'), {})).toBe(false);
    expect(isCommon(field('rare', 'text'), { rare: 'x' })).toBe(true);
    expect(isCommon(field('rare', 'text', { required: true }), {})).toBe(true);
  });
});

describe('pins', () => {
  test('are outputs of nodes outside of loops', () => {
    const nodes = ['api', 'a', 'l[0]/b', 'l'].map((node) => ({ node, status: 'succeeded', output: 1 }));
    expect(pinsOf([...nodes, { node: 'f', status: 'failed', output: 1 }])).toEqual({ a: 1, l: 1 });
  });

  test('leave out what is to run', () => {
    const pins = { run: null, outputs: { ticket: 1, answer: 2, reply: 3 } };
    const after = followers(example.edges, 'answer');
    expect(after).toContain('reply');
    expect(part(pins, 'answer', after, 'node')).toEqual({ until: 'answer', pins: { ticket: 1, reply: 3 } });
    expect(part(pins, 'answer', after, 'from')).toEqual({ pins: { ticket: 1 } });
  });
});

test('a problem belongs to the innermost node around it', () => {
  const problem = (path: string) => ({ severity: 'error' as const, path, message: '' });
  expect(placeOf(example, problem('/nodes/search/url'))).toBe('search');
  expect(placeOf(example, problem('/output/reply'))).toBe('output');
  expect(placeOf(example, problem('/budget'))).toBeNull();
});

describe('the text offers', () => {
  const complete = (doc: string) => {
    const state = EditorState.create({ doc });
    const source = completer(() => ({ kinds, references: [{ path: 'api.topic', from: 'input' }] }));
    const result = source(new CompletionContext(state, doc.length, false)) as { options: { label: string }[] } | null;
    return result?.options.map(({ label }) => label);
  };

  test('kinds, fields of the kind, and references', () => {
    expect(complete('nodes:\n  - id: a\n    type: ht')).toContain('http');
    expect(complete('nodes:\n  - id: a\n    type: agent\n    max')).toEqual(['max_turns', 'after']);
    expect(complete('nodes:\n  - { id: a, type: agent, max')).toContain('max_turns');
    expect(complete('    prompt: about <to')).toEqual(['api.topic']);
  });
});

test('help in a form shows no YAML of what the form shows', () => {
  const help = (type: string, text: string) =>
    formHelpOf({ name: 'x', type, help: text, default: null, required: false, secrets: false });
  expect(help('items', 'what the model may call: `[{ name }]`, workflows: `[{ workflow }]`')).toBe(
    'what the model may call',
  );
  expect(help('items', '`[{ name, if }]`, at most 100; the first whose `if` is true')).toBe(
    'at most 100; the first whose if is true',
  );
  expect(help('fields', 'follows the pages, such as `{ link: header }`')).toBe('follows the pages');
  expect(help('object', 'name to `{ selector }`')).toBe('name to { selector }');
});

test('of fields that stand for each other, the usual one is shown', () => {
  const field = (name: string, others: string[]) =>
    ({ name, type: 'text', help: '', default: null, required: false, secrets: false, any_of_fields: others }) as const;
  const pair = ['prompt', 'messages'];
  const shown = (owner: Record<string, unknown>) => pair.filter((name) => isCommon(field(name, [...pair]), owner));
  expect(shown({})).toEqual(['prompt']);
  expect(shown({ messages: [] })).toEqual(['messages']);
});
