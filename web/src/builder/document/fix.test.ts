import { expect, test } from 'vitest';
import { fixed } from './fix';
import { suggestionOf } from './suggestion';

const TEXT = `nodes:
  # the first
  - { id: a, type: template, tmplate: "<api.wh>, <api.who>" }
`;

test('a suggestion is read from what the server says', () => {
  const message = '<s.totl>: `s` (set) has no field `totl`; did you mean `total`?';
  expect(suggestionOf({ message })).toEqual({ wrong: 'totl', right: 'total' });
  expect(suggestionOf({ message: 'no field `totl`' })).toBeNull();
});

test('a field is renamed, whether the problem is at the field or at its node', () => {
  const suggestion = { wrong: 'tmplate', right: 'template' };
  const wanted = TEXT.replace('tmplate', 'template');
  expect(fixed(TEXT, '/nodes/0/tmplate', suggestion)).toBe(wanted);
  expect(fixed(TEXT, '/nodes/0', suggestion)).toBe(wanted);
});

test('a word is replaced where it stands alone', () => {
  const text = fixed(TEXT, '/nodes/0/tmplate', { wrong: 'wh', right: 'what' });
  expect(text).toBe(TEXT.replace('<api.wh>', '<api.what>'));
});

test('nothing is done where the place has gone, or the right field is there already', () => {
  expect(fixed(TEXT, '/nodes/7/x', { wrong: 'x', right: 'y' })).toBe(TEXT);
  const both = 'a: 1\nb: 2\n';
  expect(fixed(both, '/a', { wrong: 'a', right: 'b' })).toBe(both);
});
