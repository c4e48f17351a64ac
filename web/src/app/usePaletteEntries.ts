import { useLocation } from 'wouter';
import { session } from '../api/session';
import { useKnownWorkflows } from '../api/workflows';
import { shortId } from '../ui/format';
import { useActions } from './actions';
import { openShortcutMap } from './Overlays';
import { type Entry, runIdIn } from './paletteEntries';
import { PLACES } from './places';
import { applyTheme, isDark } from './theme';

/** All that the palette can do now: of this page, of the places, of the workflows, and the run that was pasted. */
export function usePaletteEntries(typed: string): Entry[] {
  const [, navigate] = useLocation();
  const workflows = useKnownWorkflows();
  const actions = useActions();
  const pasted = runIdIn(typed);
  return [
    ...(pasted ? [pastedRun(pasted, typed, navigate)] : []),
    ...actions.map((action): Entry => ({ ...action, kind: action.kind ?? 'action' })),
    ...PLACES.map(
      ({ path, label, shortcut }): Entry => ({
        id: path,
        label,
        hint: 'place',
        kind: 'place',
        shortcut,
        run: () => navigate(path),
      }),
    ),
    ...settings(),
    ...workflows.map(
      ({ id, name }): Entry => ({
        id,
        label: name,
        hint: name === id ? 'workflow' : `workflow ${id}`,
        kind: 'workflow',
        run: () => navigate(`/workflows/${id}`),
      }),
    ),
  ];
}

/** Its hint holds the whole pasted text, so that it matches. */
const pastedRun = (id: string, typed: string, navigate: (to: string) => void): Entry => ({
  id: typed,
  label: `Open ${shortId(id)}`,
  hint: 'run',
  kind: 'run',
  run: () => navigate(`/runs/${id}`),
});

const settings = (): Entry[] => [
  {
    id: 'theme',
    label: isDark() ? 'Light theme' : 'Dark theme',
    kind: 'setting',
    run: () => applyTheme(isDark() ? 'light' : 'dark'),
  },
  { id: 'shortcuts', label: 'Keyboard shortcuts', kind: 'setting', shortcut: '?', run: openShortcutMap },
  { id: 'change-key', label: 'Sign in with another key', kind: 'setting', run: () => session.ask('change') },
  { id: 'sign-out', label: 'Sign out', kind: 'setting', run: () => session.signOut() },
];
