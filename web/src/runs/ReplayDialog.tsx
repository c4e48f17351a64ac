import { useMutation, useQuery } from '@tanstack/react-query';
import { RotateCw } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { type Job, type Run, type RunChoice, readRun, replayRun, replayRuns } from '../api/runs';
import { Button } from '../ui/Button';
import { classes } from '../ui/classes';
import { Dialog } from '../ui/Dialog';
import { DialogFoot } from '../ui/DialogFoot';
import { Field, Select } from '../ui/Field';
import { formatCost, formatDuration, shortId } from '../ui/format';
import { Note } from '../ui/Note';
import { Status } from '../ui/Status';
import { toReplay, trialOf, withoutRun } from './jobs';
import { useVersions } from './names';
import style from './ReplayDialog.module.css';
import { commonFailure, spent } from './savings';

type From = 'failed' | 'start';

const NO_TRIAL = 'Choose runs one by one: the newest of all that match cannot be told from the next.';

export type Chosen = {
  /** In words: "13 runs", "all that match". */
  count: string;
  choice: RunChoice;
  /** Those of the chosen runs that are loaded. */
  runs: Run[];
  /** All chosen runs are loaded, so that sums over them are right. */
  complete: boolean;
};

type Props = {
  chosen: Chosen;
  onClose: () => void;
  onStarted: (job: Job) => void;
};

/** How to run the chosen runs again: from where, on which version, how many at a time. */
export function ReplayDialog({ chosen, onClose, onStarted }: Props) {
  const anyFailed = chosen.runs.some(({ status }) => status === 'failed');
  const [from, setFrom] = useState<From>(anyFailed || !chosen.complete ? 'failed' : 'start');
  const [version, setVersion] = useState('');
  const [atATime, setAtATime] = useState('5');
  const tried = trialOf(chosen);
  const trial = useTrial(tried, from, version);
  const replay = useMutation({
    mutationFn: () =>
      replayRuns({
        ...toReplay(trial.start.data && tried ? withoutRun(chosen, tried) : chosen.choice),
        from,
        at_a_time: Number(atATime),
        ...(version ? { on_version: version } : {}),
      }),
    onSuccess: onStarted,
  });
  return (
    <Dialog
      title={`Replay ${chosen.count}`}
      lead="New runs, linked to the old ones, without their callers’ webhooks."
      onClose={onClose}
      footer={<Foot chosen={chosen} trial={trial} mayTry={tried !== undefined} replay={replay} onClose={onClose} />}
    >
      <Where chosen={chosen} from={from} onChange={setFrom} />
      <div className={style.pair}>
        <VersionField runs={chosen.runs} value={version} onChange={setVersion} />
        <PaceField value={atATime} onChange={setAtATime} />
      </div>
      <Trial trial={trial} />
      {replay.error && <Note tone="bad">{replay.error.message}</Note>}
    </Dialog>
  );
}

type FootProps = {
  chosen: Chosen;
  trial: ReturnType<typeof useTrial>;
  mayTry: boolean;
  replay: { mutate: () => void; isPending: boolean };
  onClose: () => void;
};

function Foot({ chosen, trial: { start }, mayTry, replay, onClose }: FootProps) {
  const wasOnly = start.data && chosen.complete && chosen.runs.length === 1;
  return (
    <>
      <span className={style.left}>
        <Button onClick={() => start.mutate()} busy={start.isPending} blocked={mayTry ? null : NO_TRIAL}>
          Try one first
        </Button>
      </span>
      <DialogFoot
        leave="Close"
        icon={<RotateCw />}
        busy={replay.isPending}
        blocked={wasOnly ? 'The only one was tried.' : null}
        onClick={() => replay.mutate()}
        onClose={onClose}
      >
        {start.data ? 'Replay the others' : `Replay ${chosen.count}`}
      </DialogFoot>
    </>
  );
}

function Where({ chosen, from, onChange }: { chosen: Chosen; from: From; onChange: (from: From) => void }) {
  const failure = commonFailure(chosen.runs);
  const { ms, costNanoUsd } = spent(chosen.runs);
  const cost = chosen.complete && costNanoUsd ? formatCost(costNanoUsd) : null;
  const time = chosen.complete && ms ? formatDuration(ms) : null;
  const saves = [cost, time].filter(Boolean).join(' and ');
  return (
    <fieldset className={style.where}>
      <legend className="visually-hidden">From where</legend>
      <Option checked={from === 'failed'} onChange={() => onChange('failed')}>
        <b>From the failed node {failure && <code>{failure.node}</code>}</b>
        <span>keeps what was paid for{saves && `: saves up to ${saves}`}</span>
      </Option>
      <Option checked={from === 'start'} onChange={() => onChange('start')}>
        <b>From the start</b>
        <span>{cost ? `about ${cost}` : 'makes and pays for every call again'}</span>
      </Option>
    </fieldset>
  );
}

type OptionProps = { checked: boolean; onChange: () => void; children: React.ReactNode };

const Option = ({ checked, onChange, children }: OptionProps) => (
  <label className={classes(style.option, checked && style.checked)}>
    <input type="radio" name="from" checked={checked} onChange={onChange} />
    <span>{children}</span>
  </label>
);

function VersionField({ runs, value, onChange }: { runs: Run[]; value: string; onChange: (version: string) => void }) {
  const workflows = new Set(runs.map((run) => run.workflow_id));
  const versions = useVersions(workflows.size === 1 ? runs[0]?.workflow_id : undefined);
  return (
    <Field label="Version">
      {(ids) => (
        <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">each its own</option>
          {versions.map((version) => (
            <option key={version}>{version}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

const PaceField = ({ value, onChange }: { value: string; onChange: (atATime: string) => void }) => (
  <Field label="At a time">
    {(ids) => (
      <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
        {['1', '2', '5', '10', '20', '40'].map((count) => (
          <option key={count}>{count}</option>
        ))}
      </Select>
    )}
  </Field>
);

/** One run, replayed now, and followed to its end. */
function useTrial(run: Run | undefined, from: From, version: string) {
  const start = useMutation({
    mutationFn: async () => {
      if (!run) throw new Error(NO_TRIAL);
      return replayRun(run.id, { all: from === 'start', ...(version ? { version } : {}) });
    },
  });
  const followed = useQuery({
    queryKey: ['run', start.data?.id ?? ''],
    queryFn: ({ signal }) => readRun(start.data?.id ?? '', signal),
    enabled: Boolean(start.data),
    refetchInterval: ({ state }) => (state.data?.ended_at ? false : 1_000),
  });
  return { start, run: followed.data };
}

function Trial({ trial }: { trial: ReturnType<typeof useTrial> }) {
  if (trial.start.error) return <Note tone="bad">{trial.start.error.message}</Note>;
  if (!trial.run) return null;
  return (
    <Note>
      <Status state={trial.run.status} />{' '}
      <Link href={`/runs/${trial.run.id}`} className="mono">
        {shortId(trial.run.id)}
      </Link>{' '}
      {trial.run.error ? `${trial.run.error.node ?? 'the run'}: ${trial.run.error.code}` : 'is the one that was tried.'}
    </Note>
  );
}
