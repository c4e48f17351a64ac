/** Moves through the rows of a list (`data-row`, as `Table` marks them) by keyboard. */

const rows = () =>
  [...document.querySelectorAll<HTMLElement>('#main [data-row]')].filter((row) => row.offsetParent !== null);

const current = () => document.activeElement?.closest<HTMLElement>('[data-row]') ?? null;

const handle = (row: HTMLElement | null) =>
  row?.querySelector<HTMLElement>('a[href], button:not([popovertarget])') ?? null;

/** The row after (1) or before (-1) the current one gets the focus; without a current one the first or the last. */
export function moveRow(step: 1 | -1) {
  const all = rows();
  const now = current();
  const at = now ? all.indexOf(now) : -1;
  const next = at < 0 ? all.at(step === 1 ? 0 : -1) : all[Math.min(all.length - 1, Math.max(0, at + step))];
  const target = handle(next ?? null);
  target?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

export const openRow = () => handle(current())?.click();

export const toggleRow = () => current()?.querySelector<HTMLElement>('input[type=checkbox]')?.click();
