import { expect, it } from 'vitest';
import { controlOf, readAnswer, readObject, toText } from './answer';

const field = (type: string, value?: unknown) => ({ name: 'f', type, description: '', value });

it('chooses a control by type and value', () => {
  expect(controlOf(field('string', 'short'))).toBe('text');
  expect(controlOf(field('string', 'two\nlines'))).toBe('long');
  expect(controlOf(field('boolean', true))).toBe('switch');
  expect(controlOf(field('array', []))).toBe('json');
});

it('sends only what was changed', () => {
  const fields = [
    { ...field('string', 'a'), name: 'text' },
    { ...field('number', 1), name: 'n' },
    { ...field('object', { x: 1 }), name: 'o' },
  ];
  expect(readAnswer(fields, { text: 'b', n: '1' })).toEqual({ data: { text: 'b' }, problems: {} });
  expect(readAnswer(fields, { n: 'two', o: '{"x":2}' })).toEqual({
    data: { o: { x: 2 } },
    problems: { n: 'This is not a number.' },
  });
  expect(toText(field('object', { x: 1 }))).toContain('"x": 1');
});

it('takes any object where a question has no fields', () => {
  expect(readObject('{"a":1}').data).toEqual({ a: 1 });
  expect(readObject('').problem).toBeNull();
  expect(readObject('[1]').problem).not.toBeNull();
});
