import { useQuery } from '@tanstack/react-query';
import { Plus, Upload } from 'lucide-react';
import { useState } from 'react';
import { readRange, SPANS, startOf } from '../../api/range';
import { statsOf } from '../../api/stats';
import { useWorkflows } from '../../api/workflows';
import { usePageActions } from '../../app/actions';
import { Loaded } from '../../app/Loaded';
import { useParam } from '../../app/useParam';
import { useBlocked, useMay } from '../../app/useSession';
import { Button } from '../../ui/Button';
import { Page } from '../../ui/Page';
import { useNarrow } from '../../ui/useNarrow';
import { FirstWorkflow } from './FirstWorkflow';
import { NewWorkflow, type Start } from './NewWorkflow';
import { WorkflowsList } from './WorkflowsList';

export default function Workflows() {
  const workflows = useWorkflows();
  const blocked = useBlocked()('author');
  const narrow = useNarrow();
  usePrefetchedSums();
  const [start, setStart] = useState<Start | null>(null);
  const create = () => setStart({ example: null });
  const importFile = () => setStart({ example: null, file: true });
  usePageActions([
    { id: 'new-workflow', label: 'New workflow', shortcut: 'c', blocked, run: create },
    { id: 'import-workflow', label: 'Import a workflow file', blocked, run: importFile },
  ]);
  return (
    <Page
      title="Workflows"
      actions={
        <>
          {!narrow && <ImportButton blocked={blocked} onClick={importFile} />}
          <Button look="primary" icon={<Plus />} shortcut="C" blocked={blocked} onClick={create}>
            {narrow ? 'New' : 'New workflow'}
          </Button>
        </>
      }
    >
      <Loaded of={workflows} what="the workflows" rows={8}>
        {(workflows) =>
          workflows.length ? (
            <WorkflowsList workflows={workflows} />
          ) : (
            <FirstWorkflow onStart={setStart} blocked={blocked} />
          )
        }
      </Loaded>
      {start && <NewWorkflow start={start} taken={workflows.data ?? []} onClose={() => setStart(null)} />}
    </Page>
  );
}

const ImportButton = (props: { blocked: string | null; onClick: () => void }) => (
  <Button icon={<Upload />} {...props}>
    Import
  </Button>
);

/** Asks for the sums that the list shows while the list itself is on its way. */
function usePrefetchedSums() {
  const [rangeText] = useParam('range', '7d');
  const enabled = useMay()('read');
  const range = readRange(rangeText);
  const from = startOf(range).toISOString();
  useQuery({ ...statsOf({ from, step: 'total', by: 'workflow' }), enabled });
  useQuery({ ...statsOf({ from, step: SPANS[range].step, by: 'workflow' }), enabled });
}
