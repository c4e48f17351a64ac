/** The screens, each in a chunk of its own, by the first part of their address. */
import { lazy } from 'react';
import { session } from '../api/session';
import { base } from './base';

const workflows = () => import('../screens/workflows/Workflows');
const workflow = () => import('../screens/workflow/Workflow');
const runs = () => import('../screens/runs/Runs');
const run = () => import('../screens/run/Run');
const deliveries = () => import('../screens/deliveries/Deliveries');
const approvals = () => import('../screens/approvals/Approvals');
const numbers = () => import('../screens/numbers/Numbers');
const keys = () => import('../screens/keys/Keys');
const secrets = () => import('../screens/secrets/Secrets');

export const Workflows = lazy(workflows);
export const Workflow = lazy(workflow);
export const Runs = lazy(runs);
export const Run = lazy(run);
export const Deliveries = lazy(deliveries);
export const Approvals = lazy(approvals);
export const Numbers = lazy(numbers);
export const Keys = lazy(keys);
export const Secrets = lazy(secrets);

const LISTS: Record<string, () => Promise<unknown>> = {
  '': workflows,
  workflows,
  runs,
  deliveries,
  approvals,
  numbers,
  keys,
  secrets,
};

/** Loads the screen that the address names, so that it comes while the shell is drawn. */
export function preloadScreen(pathname = location.pathname) {
  if (session.key() === null) return;
  const [place = '', id] = pathname.slice(base.length + 1).split('/');
  const one = id === undefined ? undefined : { workflows: workflow, runs: run }[place];
  // What cannot be loaded is said where it is shown.
  (one ?? LISTS[place])?.().catch(() => undefined);
}
