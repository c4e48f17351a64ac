import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { edit, plain, read, Unreadable } from './edit';
import {
  addNodes,
  connect,
  deleteNode,
  duplicateNode,
  moveNode,
  nodeText,
  renameNode,
  setNodeField,
  setValue,
} from './operations';

const TEXT = `# What it is about.
name: Story
input:
  - { name: topic, type: string } # what callers want
nodes:
  - id: draft # first
    type: agent
    prompt: "Write about <api.topic>, not <drafts.x>"
  - { id: check, type: condition, branches: [{ name: good, if: "size(<draft.content>) > 3" }] }
  # The last one.
  - { id: end, type: template, after: [check.good, draft], template: "<Draft.content> <draft>" }
output:
  text: <end.content>
`;

describe('an edit', () => {
  test('keeps comments, quotes and the layout of everything else', () => {
    const text = setNodeField(TEXT, 'draft', ['prompt'], 'Write.');
    expect(text).toBe(TEXT.replace('"Write about <api.topic>, not <drafts.x>"', '"Write."'));
  });

  test('keeps the layout of every example', () => {
    const folder = new URL('../../../../examples/', import.meta.url);
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.yaml'))) {
      const text = readFileSync(new URL(name, folder), 'utf8');
      const edited = setValue(text, ['name'], 'Another');
      expect(edited, name).toBe(text.replace(/^name: .*/m, 'name: Another'));
    }
  });

  test('writes several lines as a block, also where the node stood in braces', () => {
    const text = setNodeField(TEXT, 'end', ['template'], 'One\nTwo\n');
    expect(text).toContain('    template: |\n      One\n      Two\n');
    expect(plain(text)).toMatchObject({ nodes: [{}, {}, { template: 'One\nTwo\n' }] });
  });

  test('makes objects and lists on the way, and removes empty ones', () => {
    const text = setNodeField(TEXT, 'draft', ['retry', 'max_attempts'], 3);
    expect(plain(text)).toMatchObject({ nodes: [{ retry: { max_attempts: 3 } }, {}, {}] });
    expect(plain(setNodeField(text, 'draft', ['retry', 'max_attempts'], undefined))).toEqual(plain(TEXT));
  });

  test('of a number leaves no quotes', () => {
    const text = setNodeField('nodes:\n  - { id: a, max: "3" }\n', 'a', ['max'], 4);
    expect(text).toBe('nodes:\n  - { id: a, max: 4 }\n');
  });

  test('refuses text that is not YAML', () => {
    expect(() => edit('nodes: [', () => {})).toThrow(Unreadable);
  });

  test('keeps JSON as JSON', () => {
    const text = setValue('{"name": "a", "nodes": []}', ['name'], 'b');
    expect(JSON.parse(text)).toEqual({ name: 'b', nodes: [] });
  });

  test('begins a document and puts the input before the nodes', () => {
    expect(setValue('', ['nodes', 0, 'id'], 'a')).toContain('id: a');
    const text = setValue('nodes: []\n', ['input', 0], { name: 'x' });
    expect(text.indexOf('input')).toBeLessThan(text.indexOf('nodes'));
  });
});

describe('nodes', () => {
  test('are renamed with every reference to them', () => {
    const text = renameNode(TEXT, 'draft', 'story');
    expect(text).toContain('- id: story # first');
    expect(text).toContain('size(<story.content>) > 3');
    expect(text).toContain(
      'after: [check.good, story], template: "<story.content> <story>"'.replace('[', '[ ').replace(']', ' ]'),
    );
    expect(text).toContain('<drafts.x>');
  });

  test('keep texts that are marked raw', () => {
    const text = 'nodes:\n  - { id: a, type: template, template: { raw: "<a.b>" } }\n';
    expect(renameNode(text, 'a', 'b')).toContain('raw: "<a.b>"');
  });

  test('are deleted out of what waited for them', () => {
    const text = deleteNode(TEXT, 'check');
    expect(text).not.toContain('check');
    expect(plain(text)).toMatchObject({ nodes: [{ id: 'draft' }, { id: 'end', after: ['draft'] }] });
  });

  test('are added behind another one under a fresh id, and wait for it', () => {
    const { text, id } = addNodes(
      TEXT,
      '{ id: draft, type: template, template: "<draft.content>" }',
      { after: 'check' },
      { connects: true },
    );
    expect(id).toBe('draft_2');
    const nodes = plain(text)?.nodes as Record<string, unknown>[];
    expect(nodes.map((node) => node.id)).toEqual(['draft', 'check', 'draft_2', 'end']);
    expect(nodes[2]).toMatchObject({ after: ['check'], template: '<draft_2.content>' });
  });

  test('are added to an empty workflow and into a container', () => {
    const first = addNodes('name: New\n', '{ id: each, type: loop, count: 2 }', 'end');
    const second = addNodes(first.text, '{ id: line, type: template, template: x }', { inside: 'each' });
    expect(plain(second.text)).toMatchObject({ nodes: [{ id: 'each', nodes: [{ id: 'line' }] }] });
  });

  test('are copied, pasted and duplicated with what they hold', () => {
    const text =
      'nodes:\n  - id: l\n    type: loop\n    nodes:\n      - { id: a, type: template, template: hi }\n    result: <a.content>\n';
    expect(nodeText(text, 'a')).toBe('- { id: a, type: template, template: hi }\n');
    const copy = duplicateNode(text, 'l');
    expect(copy.id).toBe('l_2');
    expect(copy.text).toContain('result: <a_2.content>');
  });

  test('are moved and connected', () => {
    const nodes = (text: string) => ((plain(text)?.nodes ?? []) as { id: string }[]).map((node) => node.id);
    expect(nodes(moveNode(TEXT, 'end', -1))).toEqual(['draft', 'end', 'check']);
    expect(nodes(moveNode(TEXT, 'draft', -1))).toEqual(['draft', 'check', 'end']);
    expect(plain(connect(TEXT, 'draft', 'check'))).toMatchObject({ nodes: [{}, { after: ['draft'] }, {}] });
  });
});

test('reading keeps dates and yes as text', () => {
  expect(read('a: yes\nb: 2020-01-01').toJS()).toEqual({ a: 'yes', b: '2020-01-01' });
});
