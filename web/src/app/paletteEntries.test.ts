import { expect, it } from 'vitest';
import { type Entry, matching, runIdIn } from './paletteEntries';

const entry = (label: string, hint?: string): Entry => ({ id: label, label, hint, kind: 'place', run: () => {} });

it('finds a run in whatever was pasted', () => {
  const id = 'run_01a20136dd0a70a6a0c905b0f32e819a';
  expect(runIdIn(id)).toBe(id);
  expect(runIdIn(`https://flows.example.com/runs/${id}?tab=io`)).toBe(id);
  expect(runIdIn('run the tests')).toBeNull();
});

it('puts what begins with the text first, and keeps the order otherwise', () => {
  const all = [entry('Open report'), entry('Reply', 'workflow'), entry('Support reply'), entry('Keys')];
  expect(matching(all, 're').map((one) => one.label)).toEqual(['Reply', 'Open report', 'Support reply']);
  expect(matching(all, 'workflow rep').map((one) => one.label)).toEqual(['Reply']);
  expect(matching(all, '').length).toBe(4);
});
