import { X } from 'lucide-react';
import { lazy, Suspense, useEffect } from 'react';
import { INPUT, OUTPUT } from '../graph/types';
import { Button } from '../ui/Button';
import { classes } from '../ui/classes';
import { Skeleton } from '../ui/Empty';
import { TabPanel, Tabs } from '../ui/Tabs';
import style from './Builder.module.css';
import { BuilderCanvas } from './Canvas';
import { ConflictDialog } from './ConflictDialog';
import { type PanelTab, useBuilder } from './context';
import { placeOf } from './lookup';
import { ChangesPanel } from './panel/ChangesPanel';
import { GatePanel } from './panel/GatePanel';
import { NodePanel } from './panel/NodePanel';
import panelStyle from './panel/Panel.module.css';
import { ProblemsPanel } from './panel/ProblemsPanel';
import { useChanges } from './useChanges';
import { useNarrow } from './useNarrow';

const DocumentPanel = lazy(() => import('./editor/DocumentPanel'));

/** The tab "Build": the graph, and beside it the selected node, the text, what changed, what is wrong. */
export default function BuilderTab() {
  const { panel, state } = useBuilder();
  const isNarrow = useNarrow();
  useProblemKey();
  return (
    <div
      className={classes(style.builder, panel === null && style.closed, panel === 'document' && style.wide)}
      id="build"
    >
      <BuilderCanvas isNarrow={isNarrow} />
      {panel !== null && <Panel panel={panel} />}
      {state.saving.is === 'conflict' && <ConflictDialog conflicts={state.saving.conflicts} />}
    </div>
  );
}

function Panel({ panel }: { panel: PanelTab }) {
  const { state, open } = useBuilder();
  const changes = useChanges().changes?.length;
  const tabs = [
    { id: 'node' as const, label: 'Node' },
    { id: 'document' as const, label: 'Document' },
    { id: 'changes' as const, label: 'Changes', count: changes },
    { id: 'problems' as const, label: 'Problems', count: state.problems.length || undefined },
  ];
  return (
    <aside className={panelStyle.panel} aria-label="Details">
      <div className={panelStyle.tabs}>
        <Tabs
          label="Details"
          tabs={tabs}
          selected={panel}
          onSelect={open}
          aside={<Button look="quiet" size="small" icon={<X />} aria-label="Close" onClick={() => open(null)} />}
        />
      </div>
      <TabPanel id={panel} className={panelStyle.content}>
        <PanelContent panel={panel} />
      </TabPanel>
    </aside>
  );
}

function PanelContent({ panel }: { panel: PanelTab }) {
  const { selected } = useBuilder();
  if (panel === 'changes') return <ChangesPanel />;
  if (panel === 'problems') return <ProblemsPanel />;
  if (panel === 'document') {
    return (
      <Suspense fallback={<Skeleton />}>
        <DocumentPanel />
      </Suspense>
    );
  }
  return selected === INPUT || selected === OUTPUT ? <GatePanel key={selected} gate={selected} /> : <NodePanel />;
}

/** F8 goes to the next problem, wherever the focus is. */
function useProblemKey() {
  const { state, selected, select, open } = useBuilder();
  useEffect(() => {
    const keyDown = (event: KeyboardEvent) => {
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
