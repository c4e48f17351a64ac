/** The screens by the first part of their address, and what is asked for before they can ask for it themselves. */
import { sendEarly } from '../api/early';
import { session } from '../api/session';
import { base } from './base';

/** The screens, each in a chunk of its own. */
export const load = {
  workflows: () => import('../screens/workflows/Workflows'),
  workflow: () => import('../screens/workflow/Workflow'),
  runs: () => import('../screens/runs/Runs'),
  run: () => import('../screens/run/Run'),
  deliveries: () => import('../screens/deliveries/Deliveries'),
  approvals: () => import('../screens/approvals/Approvals'),
  numbers: () => import('../screens/numbers/Numbers'),
  keys: () => import('../screens/keys/Keys'),
  secrets: () => import('../screens/secrets/Secrets'),
};

const LISTS: Record<string, () => Promise<unknown>> = {
  '': load.workflows,
  workflows: load.workflows,
  runs: load.runs,
  deliveries: load.deliveries,
  approvals: load.approvals,
  numbers: load.numbers,
  keys: load.keys,
  secrets: load.secrets,
};

/** What the long lists show first, as `useWorkflows` and `useRuns` ask for it. */
const FIRST: Record<string, string> = {
  workflows: 'v1/workflows?limit=100&include=last_run',
  runs: 'v1/runs?limit=100',
};

/** Asks for the screen that the address names, for its list, and for the rights of the key. */
export function preloadPlace({ pathname, search } = location) {
  if (session.key() === null) return;
  const [place = '', id] = pathname.slice(base.length + 1).split('/');
  const one = id === undefined ? undefined : { workflows: load.workflow, runs: load.run }[place];
  // What cannot be loaded is said where it is shown.
  (one ?? LISTS[place])?.().catch(() => undefined);
  sendEarly('v1/keys/self');
  const first = id === undefined ? FIRST[place] : undefined;
  // A list with filters is another one.
  if (first && (place === 'workflows' || search === '')) sendEarly(first);
}
