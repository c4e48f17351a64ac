import { describe, expect, test } from 'vitest';
import { changesOf, described } from './changes';
import { plain } from './edit';
import { merge } from './merge';
import { addNodes, deleteNode, setNodeField, setValue } from './operations';

const BASE = `name: A
nodes:
  # one
  - { id: a, type: template, template: x }
  - id: l
    type: loop
    count: 2
    nodes:
      - { id: b, type: template, template: y }
output:
  text: <a.content>
`;

describe('a merge', () => {
  test('takes both when they are in different nodes, and keeps comments', () => {
    const mine = setNodeField(BASE, 'a', ['template'], 'mine');
    const theirs = setNodeField(BASE, 'b', ['template'], 'theirs');
    const { text, conflicts } = merge(BASE, mine, theirs);
    expect(conflicts).toEqual([]);
    expect(text).toBe(BASE.replace('template: x', 'template: mine').replace('template: y', 'template: theirs'));
  });

  test('asks where both changed one node, and does what is chosen', () => {
    const mine = setNodeField(BASE, 'a', ['template'], 'mine');
    const theirs = setNodeField(BASE, 'a', ['template'], 'theirs');
    const open = merge(BASE, mine, theirs);
    expect(open.conflicts.map(({ name }) => name)).toEqual(['a']);
    expect(open.text).toBe(theirs);
    expect(merge(BASE, mine, theirs, { 'node:a': 'mine' })).toEqual({ text: mine, conflicts: [] });
    expect(merge(BASE, mine, theirs, { 'node:a': 'theirs' })).toEqual({ text: theirs, conflicts: [] });
  });

  test('is none where both made the same change', () => {
    const same = setNodeField(BASE, 'a', ['template'], 'z');
    expect(merge(BASE, same, same).conflicts).toEqual([]);
  });

  test('adds, removes and changes a container without what it holds', () => {
    const added = addNodes(BASE, '{ id: c, type: template, template: z }', { after: 'b' }).text;
    const mine = setNodeField(deleteNode(added, 'a'), 'l', ['count'], 5);
    const theirs = setNodeField(setValue(BASE, ['output', 'more'], 'yes'), 'b', ['template'], 'theirs');
    const { text, conflicts } = merge(BASE, mine, theirs);
    expect(conflicts).toEqual([]);
    expect(plain(text)).toEqual({
      name: 'A',
      nodes: [
        {
          id: 'l',
          type: 'loop',
          count: 5,
          nodes: [
            { id: 'b', type: 'template', template: 'theirs' },
            { id: 'c', type: 'template', template: 'z' },
          ],
        },
      ],
      output: { text: '<a.content>', more: 'yes' },
    });
  });

  test('a node that one removed and the other changed is a conflict', () => {
    const theirs = setNodeField(BASE, 'a', ['template'], 'theirs');
    expect(merge(BASE, deleteNode(BASE, 'a'), theirs).conflicts).toMatchObject([{ key: 'node:a', mine: null }]);
  });
});

describe('changes', () => {
  const after = setValue(
    setNodeField(setNodeField(BASE, 'b', ['template'], 'new'), 'a', ['retry', 'max_attempts'], 3),
    ['output', 'more'],
    '<b.content>',
  );

  test('are told by node and section, with their fields', () => {
    const changes = changesOf(BASE, after);
    expect(changes.map((change) => [change.name, change.how, described(change)])).toEqual([
      ['output', 'changed', 'more'],
      ['a', 'changed', 'retry'],
      ['b', 'changed', 'template'],
    ]);
    expect(changesOf(BASE, `# a comment\n${BASE}`)).toEqual([]);
  });
});
