import { CircleX, Plus, TriangleAlert } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import type { Problem } from '../api/documents';
import { INPUT, type NodeMark, OUTPUT, type Outline } from '../graph/types';
import { WorkflowGraph } from '../graph/WorkflowGraph';
import { Empty, Skeleton } from '../ui/Empty';
import { Kbd } from '../ui/Kbd';
import style from './Builder.module.css';
import { useBuilder } from './context';
import { placeOf } from './lookup';
import { Palette } from './Palette';
import { useActions } from './useActions';
import { useBadges } from './useBadges';
import { useConnecting } from './useConnecting';
import { useGraphKeys } from './useGraphKeys';

/** The graph with what floats above it: adding a node, and what is wrong. */
export function BuilderCanvas({ isNarrow }: { isNarrow: boolean }) {
  const { store, state, kinds, selected, select, open } = useBuilder();
  const [isAdding, setAdding] = useState(false);
  const frame = useRef<HTMLElement>(null);
  const actions = useActions();
  const marks = useMarks(state.outline, state.problems);
  const { badges, words } = useBadges();
  const connecting = useConnecting();
  const graphKeys = useGraphKeys({ onAdd: () => setAdding(true) });
  const after = selected === INPUT || selected === OUTPUT ? null : selected;
  const close = () => {
    setAdding(false);
    frame.current?.querySelector<HTMLElement>('[data-graph-tree] [tabindex="0"]')?.focus({ preventScroll: true });
  };
  if (state.outline === undefined) return <Undrawn isSaving={state.saving.is === 'saving'} />;
  return (
    <section ref={frame} className={style.canvas} aria-label="Graph">
      <WorkflowGraph
        outline={state.outline}
        selected={selected}
        onSelect={select}
        readOnly={isNarrow}
        marks={marks}
        badges={badges}
        storageKey={store.id}
        onKey={graphKeys}
        connecting={connecting}
      />
      {!isNarrow && (
        <div className={style.tools}>
          <AddButton isAdding={isAdding} onClick={() => setAdding(!isAdding)} />
          {words && <span className={style.badges}>{words}</span>}
        </div>
      )}
      <Verdict onOpen={() => open('problems')} />
      {isAdding && kinds && <Palette kinds={kinds} after={after} onAdd={actions.add} onClose={close} />}
    </section>
  );
}

function AddButton({ isAdding, onClick }: { isAdding: boolean; onClick: () => void }) {
  const { kinds, locked } = useBuilder();
  return (
    <button
      type="button"
      aria-expanded={isAdding}
      disabled={locked !== null || !kinds}
      title={locked ?? undefined}
      // Else the palette takes it for a press beside it, closes, and the click opens it again.
      onPointerDown={(event) => event.nativeEvent.stopImmediatePropagation()}
      onClick={onClick}
    >
      <Plus aria-hidden /> Add node <Kbd>A</Kbd>
    </button>
  );
}

/** What stands where there is no graph. */
function Undrawn({ isSaving }: { isSaving: boolean }) {
  const { open } = useBuilder();
  if (isSaving) return <Skeleton />;
  return (
    <section className={style.canvas} aria-label="Graph">
      <Empty
        title="The document cannot be read"
        actions={
          <button type="button" className={style.link} onClick={() => open('document')}>
            Open the document
          </button>
        }
      >
        The graph appears once the text is YAML or JSON.
      </Empty>
    </section>
  );
}

/** Whether the draft can be published, in words. */
function Verdict({ onOpen }: { onOpen: () => void }) {
  const { state } = useBuilder();
  const errors = state.problems.filter((problem) => problem.severity === 'error').length;
  const warnings = state.problems.length - errors;
  if (!state.isReadable) {
    return (
      <button type="button" className={style.verdict} onClick={onOpen}>
        <CircleX aria-hidden className={style.bad} /> The text cannot be read. This is the last graph of it.
      </button>
    );
  }
  if (errors + warnings === 0) return null;
  return (
    <button type="button" className={style.verdict} onClick={onOpen}>
      {errors > 0 ? (
        <CircleX aria-hidden className={style.bad} />
      ) : (
        <TriangleAlert aria-hidden className={style.warn} />
      )}
      <b>{errors > 0 ? counted(errors, 'error') : counted(warnings, 'warning')}</b>
      {errors > 0 ? 'must be fixed before publishing' : 'ready to publish'}
    </button>
  );
}

const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;

function useMarks(outline: Outline | undefined, problems: Problem[]): Record<string, NodeMark> {
  return useMemo(() => {
    const marks: Record<string, NodeMark> = {};
    for (const problem of problems) {
      const place = placeOf(outline, problem);
      if (place === null || marks[place] === 'error') continue;
      marks[place] = problem.severity === 'error' ? 'error' : 'warning';
    }
    return marks;
  }, [outline, problems]);
}
