import { describe, expect, it } from 'vitest';
import { isSingle, nameOf, type Press, shown, worksInText } from './keys';

const press = (key: string, held: Partial<Press> = {}): Press => ({
  key,
  metaKey: false,
  ctrlKey: false,
  shiftKey: false,
  altKey: false,
  ...held,
});

describe('nameOf', () => {
  it.each([
    [press('c'), false, 'c'],
    [press('?', { shiftKey: true }), false, '?'],
    [press('Z', { shiftKey: true, ctrlKey: true }), false, 'mod+shift+z'],
    [press('k', { metaKey: true }), true, 'mod+k'],
    [press('k', { ctrlKey: true }), true, 'k'],
    [press('F8', { shiftKey: true }), false, 'shift+F8'],
    [press('Enter', { ctrlKey: true }), false, 'mod+Enter'],
  ])('names %o', (event, apple, name) => {
    expect(nameOf(event, apple)).toBe(name);
  });
});

it('knows which bindings are single signs, and which work in text', () => {
  expect(['c', 'g w', '?', 'shift+x'].map(isSingle)).toEqual([true, true, true, true]);
  expect(['mod+s', 'F8', 'Enter', 'ArrowUp'].map(isSingle)).toEqual([false, false, false, false]);
  expect(['mod+s', 'F8', 'shift+F8'].map(worksInText)).toEqual([true, true, true]);
  expect(['c', 'Delete', 'Escape'].map(worksInText)).toEqual([false, false, false]);
});

it('shows bindings as people read them', () => {
  expect(shown('mod+shift+z', true)).toBe('⌘⇧Z');
  expect(shown('mod+Enter', false)).toBe('Ctrl ↵');
  expect(shown('g w', false)).toBe('G W');
});
