import { KeyRound, ListFilter, Plus } from 'lucide-react';
import { useState } from 'react';
import { useWorkflowName } from '../../api/workflows';
import { usePageActions } from '../../app/actions';
import { Loaded } from '../../app/Loaded';
import { useParam } from '../../app/useParam';
import { useBlocked } from '../../app/useSession';
import { Button } from '../../ui/Button';
import { Empty } from '../../ui/Empty';
import { Filter } from '../../ui/Filter';
import { Page } from '../../ui/Page';
import { Segment } from '../../ui/Segment';
import { Toolbar } from '../../ui/Toolbar';
import { type KeyDialog, KeyDialogs } from './KeyDialogs';
import { KeyTable } from './KeyTable';
import { type Key, phaseOf, workflowsText } from './keyState';
import { useKeys } from './useKeys';

export default function Keys() {
  const keys = useKeys();
  const blocked = useBlocked()('admin');
  const [dialog, setDialog] = useState<KeyDialog | null>(null);
  const create = () => setDialog({ kind: 'create' });
  usePageActions([{ id: 'create-key', label: 'Create key', shortcut: 'c', blocked, run: create }]);
  return (
    <Page
      title="Keys"
      lead="A key is shown once, when it is made. Flowgate keeps a hash of it."
      actions={
        <Button look="primary" icon={<Plus />} shortcut="C" blocked={blocked} onClick={create}>
          Create key
        </Button>
      }
    >
      <Loaded of={keys} what="the keys" rows={8}>
        {(keys) =>
          keys.length ? (
            <KeysList keys={keys} onDialog={setDialog} />
          ) : (
            <Empty icon={<KeyRound />} title="No key yet" actions={<Button onClick={create}>Create key</Button>}>
              Make one for each person and program. Then each can be limited, rotated and revoked alone.
            </Empty>
          )
        }
      </Loaded>
      {dialog && <KeyDialogs dialog={dialog} onDialog={setDialog} />}
    </Page>
  );
}

const PHASES = ['active', 'ending', 'ended'] as const;

function KeysList({ keys, onDialog }: { keys: Key[]; onDialog: (dialog: KeyDialog) => void }) {
  const [text, setText] = useParam('q');
  const [show, setShow] = useParam('show', 'all');
  const nameOf = useWorkflowName();
  const shown = show === 'all' ? keys : keys.filter((key) => phaseOf(key) === show);
  const wanted = text.trim().toLowerCase();
  const found = shown.filter((key) =>
    `${key.name} ${key.id} ${key.workflows} ${workflowsText(key.workflows, nameOf)}`.toLowerCase().includes(wanted),
  );
  const segments = [
    { value: 'all', label: `All ${keys.length}` },
    ...PHASES.map((phase) => ({
      value: phase as string,
      label: `${phase[0]?.toUpperCase()}${phase.slice(1)} ${keys.filter((key) => phaseOf(key) === phase).length}`,
    })),
  ];
  const clear = () => {
    setText('');
    setShow('all');
  };
  return (
    <>
      <Toolbar>
        <Filter label="Filter by name, id or workflow" value={text} onChange={setText} />
        <Segment label="Which keys" options={segments} value={show} onChange={setShow} />
      </Toolbar>
      {found.length ? (
        <KeyTable keys={found} all={keys} nameOf={nameOf} onDialog={onDialog} />
      ) : (
        <Empty icon={<ListFilter />} title="No key matches" actions={<Button onClick={clear}>Show all</Button>}>
          {text && `No name, id or workflow has “${text}”${show === 'all' ? '' : ' among these'}.`}
        </Empty>
      )}
    </>
  );
}
