import { describe, expect, test } from 'vitest';
import { type ApiDocument, hasDetails, limitsOf, search, sections, typeOf } from './document';
import { blocks, pieces } from './text';

const operation = (operationId: string, ...tags: string[]) => ({
  operationId,
  summary: `Do ${operationId}`,
  tags,
  responses: {},
});

const DOCUMENT: ApiDocument = {
  info: { title: 'x', version: '1' },
  tags: [{ name: 'B' }, { name: 'A' }, { name: 'Empty' }],
  paths: { '/a': { get: operation('read', 'A'), post: operation('write', 'B') } },
  webhooks: { ended: { post: operation('ended', 'A') } },
  components: {
    schemas: {
      Tree: {
        type: 'object',
        properties: { children: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } },
      },
      Name: { type: 'string' },
    },
  },
};

test('operations stand under their tags, in the order of the tags, webhooks last', () => {
  const all = sections(DOCUMENT).map(({ name, entries }) => [
    name,
    entries.map((entry) => entry.operation.operationId),
  ]);
  expect(all).toEqual([
    ['B', ['write']],
    ['A', ['read']],
    ['Webhooks that are sent', ['ended']],
  ]);
});

test('a search needs all its words', () => {
  const found = (text: string) => search(sections(DOCUMENT), text).map(({ name }) => name);
  expect(found('GET /a')).toEqual(['A']);
  expect(found('do  write')).toEqual(['B']);
  expect(found('get write')).toEqual([]);
});

describe('a type in words', () => {
  for (const [schema, words] of [
    [{ type: ['string', 'null'], format: 'date-time' }, 'string or null (date-time)'],
    [{ type: 'array', items: { $ref: '#/components/schemas/Tree' } }, 'array of Tree'],
    [{ oneOf: [{ $ref: '#/components/schemas/Tree' }, { type: 'null' }] }, 'Tree or null'],
    [{}, 'anything'],
  ] as const) {
    test(words, () => expect(typeOf(schema as never)).toBe(words));
  }
});

test('limits are named, also those that are zero', () => {
  expect(limitsOf({ type: 'integer', minimum: 0, maximum: 9, enum: [1, 2] })).toEqual([
    'one of 1, 2',
    'minimum 0',
    'maximum 9',
  ]);
});

test('a schema that contains itself opens, a plain one does not', () => {
  expect(hasDetails(DOCUMENT, { $ref: '#/components/schemas/Tree' })).toBe(true);
  expect(hasDetails(DOCUMENT, { $ref: '#/components/schemas/Name' })).toBe(false);
  expect(hasDetails(DOCUMENT, { type: ['string', 'null'] })).toBe(false);
});

test('descriptions become pieces; a script is text', () => {
  expect(pieces('a `b` **c** [d](https://e.example/) <script>')).toEqual([
    { kind: 'text', text: 'a ' },
    { kind: 'code', text: 'b' },
    { kind: 'text', text: ' ' },
    { kind: 'strong', text: 'c' },
    { kind: 'text', text: ' ' },
    { kind: 'link', text: 'd', href: 'https://e.example/' },
    { kind: 'text', text: ' <script>' },
  ]);
  expect(pieces('[x](javascript:alert)')).toEqual([{ kind: 'text', text: '[x](javascript:alert)' }]);
  expect(blocks('a\nb\n\n- c\n- d').map(({ kind }) => kind)).toEqual(['paragraph', 'list']);
});
