import { expect, test } from 'vitest';
import { keyCommand } from './keyCommand';

test('a key like this one, with a further scope', () => {
  const own = { name: 'ops-readonly', scopes: ['read' as const], workflows: ['shop', 'refund'] };
  expect(keyCommand(own, 'author')).toBe(
    'flowgate keys create ops-readonly --workflow shop --workflow refund --scopes read,author',
  );
});

test('where the scope is there, the workflows are missing', () => {
  const own = { name: 'ops', scopes: ['read' as const], workflows: ['shop'] };
  expect(keyCommand(own, 'read')).toBe('flowgate keys create ops --all-workflows --scopes read');
});

test('a name is one word of the shell, whatever is in it', () => {
  const own = { name: "Ada's $(laptop)", scopes: ['run' as const], workflows: '*' as const };
  expect(keyCommand(own, 'read')).toBe("flowgate keys create 'Ada'\\''s $(laptop)' --all-workflows --scopes run,read");
});
