import { expect, it } from 'vitest';
import { EMPTY, formOf, reachText, readForm } from './secretForm';

const updated_at = '2026-03-10T12:00:00Z';

it('reads hosts and reach', () => {
  const form = { ...EMPTY, name: 'CRM_TOKEN', value: 'x', hosts: 'a.example.com, *.b.example\nlocalhost:8080' };
  expect(readForm(form, [])).toEqual({
    name: 'CRM_TOKEN',
    secret: { value: 'x', hosts: ['a.example.com', '*.b.example', 'localhost:8080'], workflows: null },
  });
  expect(readForm({ ...form, hosts: '', reach: 'all' }, [])).toMatchObject({ secret: { hosts: null, workflows: '*' } });
});

it('says what is wrong', () => {
  const form = { ...EMPTY, name: '1x', hosts: 'https://a.example', reach: 'some' as const };
  expect(readForm(form, [])).toMatchObject({
    errors: {
      name: expect.any(String),
      value: expect.any(String),
      hosts: expect.any(String),
      workflows: expect.any(String),
    },
  });
  expect(readForm({ ...EMPTY, name: 'A', value: 'x' }, ['A'])).toMatchObject({ errors: { name: expect.any(String) } });
  expect(readForm({ ...EMPTY, name: 'A', value: 'é'.repeat(8_193) }, [])).toMatchObject({
    errors: { value: 'At most 16 KiB.' },
  });
});

it('keeps hosts and workflows when a value is replaced', () => {
  const secret = { name: 'A', updated_at, hosts: ['a.example'], workflows: ['w'], login: null };
  expect(formOf(secret)).toEqual({ name: 'A', value: '', hosts: 'a.example', reach: 'some', workflows: ['w'] });
  expect(reachText(secret, () => 'Triage')).toBe('Triage');
});
