import { expect, it } from 'vitest';
import { chooseAll, extend, isChosen, NOTHING, toggle } from './selection';

const order = ['a', 'b', 'c', 'd'];

it('toggles a row', () => {
  const one = toggle(NOTHING, 'b');
  expect([...one.ids]).toEqual(['b']);
  expect([...toggle(one, 'b').ids]).toEqual([]);
});

it('extends from the row that was chosen last, in both directions', () => {
  expect([...extend(toggle(NOTHING, 'c'), 'a', order).ids].sort()).toEqual(['a', 'b', 'c']);
  expect([...extend(toggle(NOTHING, 'b'), 'd', order).ids].sort()).toEqual(['b', 'c', 'd']);
  expect([...extend(NOTHING, 'd', order).ids]).toEqual(['d']);
});

it('forgets "all that match" when a row is taken out', () => {
  const all = chooseAll(order);
  expect(all.all).toBe(true);
  const rest = toggle(all, 'a');
  expect(rest.all).toBe(false);
  expect(isChosen(rest, 'a')).toBe(false);
});
