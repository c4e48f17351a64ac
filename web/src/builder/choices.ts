import type { Kind, Kinds } from '../api/documents';

const GROUPS: [Kind['group'], string][] = [
  ['model', 'Models'],
  ['call', 'Calls'],
  ['flow', 'Flow'],
  ['data', 'Data'],
  ['people', 'People and time'],
  ['gate', 'Result'],
];

/** What the palette offers: a kind of node, or a vendor whose operations it shows next. */
export type Choice = { id: string; tile: string; summary: string } & ({ kind: Kind } | { vendor: string });

const ofKind = (kind: Kind): Choice => ({ id: kind.name, tile: kind.name, summary: kind.summary, kind });

/** Every kind by its group, then the vendors; what was typed finds kinds and operations, the best first. */
export function choicesFor(kinds: Kinds, query: string): { label: string; choices: Choice[] }[] {
  const all = kinds.kinds.filter((kind) => kind.role !== 'input');
  const wanted = query.trim().toLowerCase().replace(/\s+/g, '_');
  const groups = wanted
    ? [{ label: 'Found', choices: found(all, wanted).map(ofKind) }]
    : [...GROUPS.map(([group, label]) => ({ label, choices: own(all, group).map(ofKind) })), vendors(kinds)];
  return groups.filter(({ choices }) => choices.length > 0);
}

const own = (kinds: Kind[], group: Kind['group']) => kinds.filter((kind) => kind.group === group && !kind.connector);

function found(kinds: Kind[], wanted: string): Kind[] {
  const words = (kind: Kind) => kind.summary.toLowerCase().replace(/\s+/g, '_');
  const rank = (kind: Kind) => (kind.name.startsWith(wanted) ? 0 : kind.name.includes(wanted) ? 1 : 2);
  const fits = (kind: Kind) => kind.name.includes(wanted) || words(kind).includes(wanted);
  return kinds.filter(fits).sort((a, b) => rank(a) - rank(b));
}

const vendors = ({ connectors }: Kinds) => ({
  label: 'Vendors',
  choices: connectors.map(({ name, summary }): Choice => ({ id: name, tile: 'connector', summary, vendor: name })),
});
