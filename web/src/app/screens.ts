import { lazy } from 'react';
import { load } from './preload';

export const Workflows = lazy(load.workflows);
export const Workflow = lazy(load.workflow);
export const Runs = lazy(load.runs);
export const Run = lazy(load.run);
export const Deliveries = lazy(load.deliveries);
export const Approvals = lazy(load.approvals);
export const Numbers = lazy(load.numbers);
export const Keys = lazy(load.keys);
export const Secrets = lazy(load.secrets);
