import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { cancelRuns, type Job, type RunChoice } from '../api/runs';
import { useBlocked } from '../app/useSession';
import { Dialog } from '../ui/Dialog';
import { DialogFoot } from '../ui/DialogFoot';
import { Note } from '../ui/Note';
import { BULK_ICONS, BulkBar } from './BulkBar';
import { MOST_EXPORTED, readMatching, readRuns, saveAs } from './exportRuns';
import { type Filters, toChoice, toQuery } from './filters';
import { notCancelled, notReplayed, toCancel } from './jobs';
import { type Chosen, ReplayDialog } from './ReplayDialog';
import { commonFailure } from './savings';
import { chooseAll, NOTHING, type Selection } from './selection';
import type { RunList } from './useRuns';

/** A job names this many runs at most; more are chosen by the filters. */
const MOST_NAMED = 1_000;

type Props = {
  list: RunList;
  filters: Filters;
  workflowId: string | undefined;
  selection: Selection;
  onSelect: (selection: Selection) => void;
  onJob: (id: string) => void;
};

const DIALOGS = { replay: ReplayDialog, cancel: CancelDialog };

/** The bar of the chosen runs, with the dialogs that it opens. */
export function Bulk({ list, filters, workflowId, selection, onSelect, onJob }: Props) {
  const [dialog, setDialog] = useState<keyof typeof DIALOGS | null>(null);
  const chosen = useChosen({ list, filters, workflowId, selection });
  const exported = useExport({ filters, workflowId, selection });
  const actions = useBulkActions({ workflowId, selection, chosen, exported, onDialog: setDialog });
  const started = (job: Job) => {
    setDialog(null);
    onSelect(NOTHING);
    onJob(job.id);
  };
  const failure = commonFailure(chosen.runs);
  const order = list.runs.map(({ id }) => id);
  const whole = order.length === selection.ids.size && list.hasNextPage && !selection.all;
  const canAll = toChoice(filters, workflowId, chosen.before) !== null;
  const Asked = dialog && DIALOGS[dialog];
  return (
    <>
      <BulkBar
        count={selection.all ? 'All that match' : `${selection.ids.size} selected`}
        about={failure ? `failed at ${failure.node}: ${failure.code}` : ''}
        more={whole && canAll ? { label: 'Choose all that match', run: () => onSelect(chooseAll(order)) } : null}
        onClear={() => onSelect(NOTHING)}
        actions={actions}
      />
      {exported.error && <Note tone="bad">The export failed: {exported.error.message}</Note>}
      {Asked && <Asked chosen={chosen} onClose={() => setDialog(null)} onStarted={started} />}
    </>
  );
}

type Acting = Pick<Props, 'workflowId' | 'selection'> & {
  chosen: Chosen;
  exported: ReturnType<typeof useExport>;
  onDialog: (dialog: keyof typeof DIALOGS) => void;
};

/** What can be done with the chosen runs, and why not. */
function useBulkActions({ workflowId, selection, chosen, exported, onDialog }: Acting) {
  const blocked = useBlocked();
  const many = tooMany(selection);
  return [
    {
      label: 'Replay',
      icon: BULK_ICONS.replay,
      run: () => onDialog('replay'),
      blocked: blocked('run', workflowId) ?? blocked('read', workflowId) ?? many ?? notReplayed(chosen),
    },
    {
      label: 'Cancel',
      icon: BULK_ICONS.cancel,
      run: () => onDialog('cancel'),
      blocked: blocked('cancel', workflowId) ?? many ?? notCancelled(chosen),
    },
    {
      label: exported.isPending ? `${exported.done} read` : 'Export JSONL',
      icon: BULK_ICONS.download,
      run: () => exported.mutate(),
      busy: exported.isPending,
      blocked: blocked('read', workflowId),
    },
  ];
}

const tooMany = ({ all, ids }: Selection) =>
  !all && ids.size > MOST_NAMED ? `A job takes ${MOST_NAMED} runs. Choose fewer, or all that match.` : null;

type Choosing = Pick<Props, 'list' | 'filters' | 'workflowId' | 'selection'>;

function useChosen({ list, filters, workflowId, selection }: Choosing): Chosen & { before: string } {
  // Runs that begin after the choice are not part of it.
  const [before] = useState(() => new Date().toISOString());
  const runs = list.runs.filter(({ id }) => selection.ids.has(id));
  const all = selection.all ? toChoice(filters, workflowId, before) : null;
  const choice: RunChoice = all ?? { run_ids: [...selection.ids] };
  const count = all ? 'all that match' : selection.ids.size === 1 ? '1 run' : `${selection.ids.size} runs`;
  return { count, choice, runs, complete: !all && runs.length === selection.ids.size, before };
}

/** Whoever leaves the page, or chooses none, leaves the export. */
function useExport({ filters, workflowId, selection }: Pick<Props, 'filters' | 'workflowId' | 'selection'>) {
  const [done, setDone] = useState(0);
  const stop = useRef<AbortController>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const read = useMutation({
    mutationFn: async () => {
      stop.current = new AbortController();
      const { signal } = stop.current;
      setDone(0);
      const runs = selection.all
        ? await readMatching(toQuery(filters), workflowId, setDone, signal)
        : await readRuns([...selection.ids].slice(0, MOST_EXPORTED), setDone, signal);
      saveAs(`runs-${new Date().toISOString().slice(0, 10)}.jsonl`, runs);
    },
  });
  return { ...read, done };
}

type DialogProps = { chosen: Chosen; onClose: () => void; onStarted: (job: Job) => void };

function CancelDialog({ chosen, onClose, onStarted }: DialogProps) {
  const cancel = useMutation({ mutationFn: () => cancelRuns(toCancel(chosen.choice)), onSuccess: onStarted });
  const open = chosen.runs.filter(({ ended_at }) => ended_at === null).length;
  return (
    <Dialog
      title={`Cancel ${chosen.count}?`}
      lead={
        chosen.complete
          ? `${open} of them are not over. The others stay as they are.`
          : 'Those that are over stay as they are.'
      }
      onClose={onClose}
      footer={
        <DialogFoot
          leave="Keep them running"
          look="danger"
          busy={cancel.isPending}
          onClick={() => cancel.mutate()}
          onClose={onClose}
        >
          Cancel runs
        </DialogFoot>
      }
    >
      <p>Calls in flight are given up. A run that was cancelled can be replayed.</p>
      {cancel.error && <Note tone="bad">{cancel.error.message}</Note>}
    </Dialog>
  );
}
