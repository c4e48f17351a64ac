import type { Link } from './flow';

/** A place in a row: a node, or a line that goes through the row. */
export type Slot = { id: string; isLine: boolean };

export type Ordered = {
  rows: Slot[][];
  /** Slots of neighbouring rows that hang together. */
  above: Map<string, string[]>;
  below: Map<string, string[]>;
};

const SWEEPS = 8;

/** Puts the nodes of each row in an order in which few lines cross. The document's own order is where it begins. */
export function ordered(
  ids: string[],
  rowOf: Map<string, number>,
  links: Link[],
  branches: Map<string, string[]>,
): Ordered {
  const layers = layered(ids, rowOf, inOrder(links, branches));
  let best = layers.rows;
  let fewest = crossings(layers);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep += 1) {
    layers.rows = swept(layers, sweep % 2 === 0);
    const now = crossings(layers);
    if (now < fewest) [best, fewest] = [layers.rows, now];
  }
  return { ...layers, rows: best };
}

/** Branches of one node in their own order. */
function inOrder(links: Link[], branches: Map<string, string[]>): Link[] {
  const place = ({ from, branch }: Link) => (branch === null ? -1 : (branches.get(from)?.indexOf(branch) ?? -1));
  return [...links].sort((a, b) => (a.from === b.from ? place(a) - place(b) : 0));
}

/** Rows of slots. Lines of one node that go through the same rows share their slots. */
function layered(ids: string[], rowOf: Map<string, number>, links: Link[]): Ordered {
  const layers: Ordered = { rows: [], above: new Map(), below: new Map() };
  const known = new Set(ids);
  const joined = new Set<string>();
  const join = (upper: string, lower: string) => {
    if (joined.has(`${upper}\n${lower}`)) return;
    joined.add(`${upper}\n${lower}`);
    layers.below.set(upper, [...(layers.below.get(upper) ?? []), lower]);
    layers.above.set(lower, [...(layers.above.get(lower) ?? []), upper]);
  };
  const seen = new Set<string>();
  const put = (id: string, row: number, isLine: boolean) => {
    if (seen.has(id)) return;
    seen.add(id);
    while (layers.rows.length <= row) layers.rows.push([]);
    layers.rows[row]?.push({ id, isLine });
  };
  const byFrom = grouped(links);
  const visit = (id: string) => {
    if (seen.has(id)) return;
    const row = rowOf.get(id) ?? 0;
    put(id, row, false);
    for (const { to } of byFrom.get(id) ?? []) {
      const end = rowOf.get(to) ?? 0;
      if (!known.has(to) || end <= row) continue;
      let upper = id;
      for (let between = row + 1; between < end; between += 1) {
        const line = `${id} ${between}`;
        put(line, between, true);
        join(upper, line);
        upper = line;
      }
      join(upper, to);
      visit(to);
    }
  };
  for (const id of ids) if (rowOf.get(id) === 0) visit(id);
  for (const id of ids) visit(id);
  return layers;
}

function grouped(links: Link[]): Map<string, Link[]> {
  const byFrom = new Map<string, Link[]>();
  for (const link of links) byFrom.set(link.from, [...(byFrom.get(link.from) ?? []), link]);
  return byFrom;
}

/** One pass down or up: each slot moves to the middle of those that it hangs on. */
function swept({ rows, above, below }: Ordered, isDown: boolean): Slot[][] {
  const next = rows.map((row) => [...row]);
  const indexes = next.map((_, index) => index);
  for (const index of isDown ? indexes.slice(1) : indexes.slice(0, -1).reverse()) {
    const fixed = new Map(next[index + (isDown ? -1 : 1)]?.map((slot, place) => [slot.id, place]));
    const row = next[index] ?? [];
    const wanted = new Map(
      row.map((slot, place) => [slot.id, middle((isDown ? above : below).get(slot.id), fixed) ?? place]),
    );
    row.sort((a, b) => (wanted.get(a.id) ?? 0) - (wanted.get(b.id) ?? 0));
  }
  return next;
}

function middle(ids: string[] | undefined, places: Map<string, number>): number | null {
  const found = (ids ?? []).flatMap((id) => places.get(id) ?? []);
  return found.length === 0 ? null : found.reduce((sum, place) => sum + place, 0) / found.length;
}

/** How many pairs of lines cross between neighbouring rows. */
function crossings({ rows, below }: Ordered): number {
  let count = 0;
  rows.slice(0, -1).forEach((row, index) => {
    const places = new Map(rows[index + 1]?.map((slot, place) => [slot.id, place]));
    const ends: number[] = [];
    for (const slot of row) {
      const own = (below.get(slot.id) ?? []).flatMap((id) => places.get(id) ?? []).sort((a, b) => a - b);
      for (const end of own) count += ends.filter((other) => other > end).length;
      ends.push(...own);
    }
  });
  return count;
}
