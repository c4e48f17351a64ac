import { X } from 'lucide-react';
import { reportOf } from '../../api/imports';
import { INPUT, OUTPUT } from '../../graph/types';
import { Button } from '../../ui/Button';
import { Skeleton } from '../../ui/Empty';
import { lazily } from '../../ui/lazily';
import { TabPanel, Tabs } from '../../ui/Tabs';
import { type PanelTab, useBuilder } from '../context';
import { useChanges } from '../useChanges';
import { ChangesPanel } from './ChangesPanel';
import { GatePanel } from './GatePanel';
import { ImportPanel } from './ImportPanel';
import { NodePanel } from './NodePanel';
import style from './Panel.module.css';
import { ProblemsPanel } from './ProblemsPanel';

const DocumentPanel = lazily(() => import('../editor/DocumentPanel'), <Skeleton />);

/** What stands beside the graph. */
export default function Panel({ panel }: { panel: PanelTab }) {
  const { state, open, store } = useBuilder();
  const changes = useChanges().changes?.length;
  const tabs = [
    { id: 'node' as const, label: 'Node' },
    { id: 'document' as const, label: 'Document' },
    { id: 'changes' as const, label: 'Changes', count: changes || undefined },
    { id: 'problems' as const, label: 'Problems', count: state.problems.length || undefined },
    ...(panel === 'import' || reportOf(store.id) ? [{ id: 'import' as const, label: 'Import' }] : []),
  ];
  return (
    <aside className={style.panel} aria-label="Details">
      <div className={style.tabs}>
        <Tabs
          label="Details"
          tabs={tabs}
          selected={panel}
          onSelect={open}
          aside={<Button look="quiet" size="small" icon={<X />} aria-label="Close" onClick={() => open(null)} />}
        />
      </div>
      <TabPanel id={panel} className={style.content}>
        <PanelContent panel={panel} />
      </TabPanel>
    </aside>
  );
}

function PanelContent({ panel }: { panel: PanelTab }) {
  const { selected } = useBuilder();
  if (panel === 'changes') return <ChangesPanel />;
  if (panel === 'problems') return <ProblemsPanel />;
  if (panel === 'import') return <ImportPanel />;
  if (panel === 'document') return <DocumentPanel />;
  return selected === INPUT || selected === OUTPUT ? <GatePanel key={selected} gate={selected} /> : <NodePanel />;
}
