import {
  ChartNoAxesColumn,
  ChartNoAxesGantt,
  KeyRound,
  Lock,
  type LucideIcon,
  Send,
  UserCheck,
  Workflow,
} from 'lucide-react';

export type Place = {
  path: string;
  label: string;
  icon: LucideIcon;
  /** The keys that go there. */
  shortcut: string;
  /** Stands in the bar of a phone; the rest is in its menu. */
  inBar?: boolean;
};

/** The places of the console, in the order of the sidebar. */
export const PLACES: Place[] = [
  { path: '/workflows', label: 'Workflows', icon: Workflow, shortcut: 'g w', inBar: true },
  { path: '/runs', label: 'Runs', icon: ChartNoAxesGantt, shortcut: 'g r', inBar: true },
  { path: '/approvals', label: 'Approvals', icon: UserCheck, shortcut: 'g a' },
  { path: '/deliveries', label: 'Deliveries', icon: Send, shortcut: 'g d', inBar: true },
  { path: '/numbers', label: 'Numbers', icon: ChartNoAxesColumn, shortcut: 'g n' },
  { path: '/keys', label: 'Keys', icon: KeyRound, shortcut: 'g k', inBar: true },
  { path: '/secrets', label: 'Secrets', icon: Lock, shortcut: 'g s' },
];

export const isAt = (location: string, path: string) => location === path || location.startsWith(`${path}/`);
