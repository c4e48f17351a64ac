import { expect, test } from 'vitest';
import type { InterfaceInput } from '../../../api/workflow';
import { entriesOf, exampleInput, fieldErrors, readEntries, writeDefault } from './fields';

const field = (name: string, type: string, more: Partial<InterfaceInput> = {}): InterfaceInput => ({
  name,
  type,
  required: false,
  ...more,
});

test('an empty field is left out, and refused only if it is required', () => {
  const reading = readEntries([field('a', 'string', { required: true }), field('b', 'number')], { a: '', b: '' });
  expect(reading).toEqual({ input: {}, errors: { a: 'This field is required.' } });
});

test('each type becomes its JSON', () => {
  const fields = [
    field('s', 'string'),
    field('n', 'number'),
    field('b', 'boolean'),
    field('o', 'object'),
    field('l', 'array'),
    field('f', 'file'),
    field('u', 'file'),
    field('e', 'number', { enum: [1, 2] }),
  ];
  const input = {
    s: '3',
    n: 0.5,
    b: false,
    o: { a: 1 },
    l: [1],
    f: { $file: 'file_1', name: 'a.pdf' },
    u: 'https://example.com/a.pdf',
    e: 2,
  };
  const entries = entriesOf(fields, input);
  expect(readEntries(fields, entries)).toEqual({ input, errors: {} });
});

test('what is not of the type says what is wanted', () => {
  const fields = [field('n', 'number'), field('o', 'object'), field('l', 'array')];
  const { errors } = readEntries(fields, { n: 'three', o: '[]', l: '{' });
  expect(errors.n).toMatch(/number/);
  expect(errors.o).toMatch(/object/);
  expect(errors.l).toMatch(/not JSON/);
});

test('examples and defaults', () => {
  expect(exampleInput([field('a', 'string')])).toBeNull();
  expect(exampleInput([field('a', 'string', { value: 'x' }), field('b', 'string')])).toEqual({ a: 'x' });
  expect(writeDefault('friendly')).toBe('"friendly"');
  expect(writeDefault('x'.repeat(90))).toHaveLength(40);
});

test('a refusal names its fields', () => {
  const errors = [
    { pointer: '/input/a~1b/0', message: 'must be a number' },
    { pointer: '/webhooks/0/url', message: 'is no URL' },
  ];
  expect(fieldErrors(errors)).toEqual({ 'a/b': 'It must be a number.' });
});
