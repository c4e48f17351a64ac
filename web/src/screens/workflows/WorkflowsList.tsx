import { useQuery } from '@tanstack/react-query';
import { ListFilter } from 'lucide-react';
import { useState } from 'react';
import { RANGES, type Range, readRange, SPANS, startOf } from '../../api/range';
import { statsOf } from '../../api/stats';
import type { ListedWorkflow } from '../../api/workflows';
import { useParam } from '../../app/useParam';
import { Button } from '../../ui/Button';
import { Empty } from '../../ui/Empty';
import { Filter } from '../../ui/Filter';
import { Segment } from '../../ui/Segment';
import { Toolbar } from '../../ui/Toolbar';
import { useNarrow } from '../../ui/useNarrow';
import { useFailing } from './useFailing';
import { WorkflowCards } from './WorkflowCards';
import { type WorkflowDialog, WorkflowDialogs } from './WorkflowDialogs';
import { WorkflowFigures } from './WorkflowFigures';
import { WorkflowTable } from './WorkflowTable';
import { hasText, joinRows } from './workflowRows';

/** The workflows with their numbers in the chosen time. */
export function WorkflowsList({ workflows }: { workflows: ListedWorkflow[] }) {
  const [text, setText] = useParam('q');
  const [show, setShow] = useParam('show', 'all');
  const [rangeText, setRange] = useParam('range', '7d');
  const [dialog, setDialog] = useState<WorkflowDialog | null>(null);
  const narrow = useNarrow();
  const range = readRange(rangeText);
  const from = startOf(range);
  const rows = useRows(workflows, range, from);
  const failing = useFailing(rows, from);
  const published = rows.filter((row) => row.workflow.active_version !== null);
  const kept = { published, failing: rows.filter((row) => failing.has(row.workflow.id)) }[show] ?? rows;
  const found = kept.filter((row) => hasText(row, text));
  const segments = [
    { value: 'all', label: `All ${rows.length}` },
    ...(narrow ? [] : [{ value: 'published', label: `Published ${published.length}` }]),
    { value: 'failing', label: `Failing ${failing.size}` },
  ];
  const clear = () => {
    setText('');
    setShow('all');
  };
  const List = narrow ? WorkflowCards : WorkflowTable;
  return (
    <>
      {!narrow && <WorkflowFigures range={range} from={from} />}
      <Toolbar end={<Segment label="Time" options={RANGES} value={range} onChange={setRange} />}>
        {(!narrow || rows.length > 8) && <Filter label="Filter by name or id" value={text} onChange={setText} />}
        <Segment label="Which workflows" options={segments} value={show} onChange={setShow} />
      </Toolbar>
      {found.length ? (
        <List rows={found} failing={failing} range={range} onDialog={setDialog} />
      ) : (
        <Empty
          icon={<ListFilter />}
          title={show === 'failing' && !text ? 'No workflow is failing' : 'No workflow matches'}
          actions={<Button onClick={clear}>Show all {rows.length}</Button>}
        >
          {text ? `No name or id has “${text}”.` : `None failed often in ${SPANS[range].words}.`}
        </Empty>
      )}
      {dialog && <WorkflowDialogs dialog={dialog} onClose={() => setDialog(null)} />}
    </>
  );
}

/** The workflows, each with its sums and its runs over time as soon as they are there. */
function useRows(workflows: ListedWorkflow[], range: Range, from: Date) {
  const start = from.toISOString();
  const totals = useQuery(statsOf({ from: start, step: 'total', by: 'workflow' }));
  const steps = useQuery(statsOf({ from: start, step: SPANS[range].step, by: 'workflow' }));
  return joinRows(workflows, totals.data?.items, steps.data?.items, range, from);
}
