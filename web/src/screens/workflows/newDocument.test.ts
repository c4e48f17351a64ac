import { expect, it } from 'vitest';
import { EXAMPLES } from './examples';
import { idOf, isOwn, nameIn, withName, withoutHead, wrongId } from './newDocument';

it('makes ids out of names', () => {
  expect(idOf('Support reply (v2)')).toBe('support-reply-v2');
  expect(idOf('Übersicht – täglich')).toBe('ubersicht-taglich');
  expect(idOf('!!')).toBe('');
});

it('says what is wrong with an id', () => {
  expect(wrongId('a-b_1', [])).toBeNull();
  expect(wrongId('-a', [])).toMatch(/letter or digit/);
  expect(wrongId('import', [])).toMatch(/reserved/);
  expect(wrongId('x', ['x'])).toMatch(/exists/);
});

it('names a document and keeps the rest', () => {
  expect(withName('name: Old\n# kept\nnodes: []\n', 'Neu: 1')).toBe('name: "Neu: 1"\n# kept\nnodes: []\n');
  expect(withName('nodes:\n  - { name: x }\n', 'New $& one')).toBe('name: "New $& one"\nnodes:\n  - { name: x }\n');
  expect(JSON.parse(withName('{"name":"a","nodes":[]}', 'b'))).toEqual({ name: 'b', nodes: [] });
});

it('reads a name', () => {
  expect(nameIn('# x\nname: "Lead brief"\nnodes: []')).toBe('Lead brief');
  expect(nameIn('{\n  "name": "A b",\n  "nodes": []}')).toBe('A b');
  expect(nameIn('nodes: []')).toBeNull();
});

it('offers examples that begin with their name', () => {
  expect(withoutHead('# a\n\n# b\nname: A\n# c\n')).toBe('name: A\n# c\n');
  for (const example of EXAMPLES) expect(nameIn(example.document)).toBeTruthy();
});

it('tells exports of other systems from documents of its own', () => {
  const own = ['nodes: []\n', '{"name": "x", "nodes": []}', '', 'name: x\nnodes:\n  - id: a\n', '{ broken'];
  const foreign = [
    '{"nodes": [], "connections": {}}',
    '{"version": "1.0", "state": {"blocks": {}}}',
    'kind: app\nworkflow:\n',
  ];
  expect(own.map(isOwn)).toEqual(own.map(() => true));
  expect(foreign.map(isOwn)).toEqual(foreign.map(() => false));
  expect(isOwn('[{"nodes": []}]')).toBe(false);
});
