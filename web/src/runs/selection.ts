/** Which rows of a list are chosen: some, or all that match the filters. */

export type Selection = { ids: ReadonlySet<string>; all: boolean; anchor: string | null };

export const NOTHING: Selection = { ids: new Set(), all: false, anchor: null };

export function toggle(selection: Selection, id: string): Selection {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, all: false, anchor: id };
}

/** Chooses all between the row that was chosen last and this one; `order` has the ids as they are listed. */
export function extend(selection: Selection, id: string, order: readonly string[]): Selection {
  const from = selection.anchor === null ? -1 : order.indexOf(selection.anchor);
  const to = order.indexOf(id);
  if (from < 0 || to < 0) return toggle(selection, id);
  const between = order.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ids: new Set([...selection.ids, ...between]), all: false, anchor: id };
}

export function chooseLoaded(order: readonly string[]): Selection {
  return { ids: new Set(order), all: false, anchor: null };
}

export function chooseAll(order: readonly string[]): Selection {
  return { ids: new Set(order), all: true, anchor: null };
}

export const isChosen = (selection: Selection, id: string) => selection.ids.has(id);
