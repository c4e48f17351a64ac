import { useEffect } from 'react';
import { usePageActions } from '../app/actions';
import { classes } from '../ui/classes';
import { Skeleton } from '../ui/Empty';
import { lazily } from '../ui/lazily';
import { useNarrow } from '../ui/useNarrow';
import style from './Builder.module.css';
import { BuilderCanvas } from './Canvas';
import { useBuilder } from './context';
import { suggestionOf } from './document/suggestion';
import { flushTyped } from './form/useBuffered';
import { placeOf } from './lookup';
import { useActions } from './useActions';

const Panel = lazily(() => import('./panel/Panel'), <Skeleton />);
const ConflictDialog = lazily(() => import('./ConflictDialog'));

/** The tab "Build": the graph, and beside it the selected node, the text, what changed, what is wrong. */
export default function BuilderTab() {
  const { panel, state } = useBuilder();
  const isNarrow = useNarrow();
  useProblemKeys();
  useNodesInPalette();
  return (
    <div
      className={classes(style.builder, panel === null && style.closed, panel === 'document' && style.wide)}
      id="build"
    >
      <BuilderCanvas isNarrow={isNarrow} />
      {panel !== null && <Panel panel={panel} />}
      {state.saving.is === 'conflict' && (
        <ConflictDialog conflicts={state.saving.conflicts} theirs={state.saving.theirs.draft} />
      )}
    </div>
  );
}

function useNodesInPalette() {
  const { state, select } = useBuilder();
  usePageActions(
    (state.outline?.nodes ?? []).map(({ id, kind }) => ({
      id: `node ${id}`,
      label: id,
      hint: `${kind}, node of this workflow`,
      kind: 'node',
      run: () => select(id),
    })),
  );
}

/** F8 goes to the next problem, and ⌘. takes its suggestion, wherever the focus is. */
function useProblemKeys() {
  const { state, selected, select, open } = useBuilder();
  const actions = useActions();
  useEffect(() => {
    const keyDown = (event: KeyboardEvent) => {
      if (event.key === '.' && (event.metaKey || event.ctrlKey)) {
        const fixable = state.problems.filter((problem) => suggestionOf(problem) !== null);
        const problem = fixable.find((one) => placeOf(state.outline, one) === selected) ?? fixable[0];
        if (!problem) return;
        event.preventDefault();
        flushTyped();
        actions.fix(problem);
        return;
      }
      if (event.key !== 'F8' || state.problems.length === 0) return;
      event.preventDefault();
      const places = [...new Set(state.problems.map((problem) => placeOf(state.outline, problem)))];
      const next = places[(places.indexOf(selected) + 1) % places.length] ?? null;
      if (next === null) open('document');
      else select(next);
    };
    document.addEventListener('keydown', keyDown);
    return () => document.removeEventListener('keydown', keyDown);
  });
}
