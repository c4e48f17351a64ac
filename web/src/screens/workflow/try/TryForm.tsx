import { useQuery } from '@tanstack/react-query';
import { FlaskConical, Play, Square } from 'lucide-react';
import { type InterfaceInput, listVersions } from '../../../api/workflow';
import { useBlocked } from '../../../app/useSession';
import { Button } from '../../../ui/Button';
import { CopyButton } from '../../../ui/CodeBlock';
import { Field, Select } from '../../../ui/Field';
import { MOD } from '../../../ui/Kbd';
import { Segment } from '../../../ui/Segment';
import { useDraft } from '../useInterface';
import { FromRun } from './FromRun';
import { exampleInput } from './fields';
import { InputForm, JsonForm } from './InputForm';
import { MoreOptions } from './MoreOptions';
import type { Mode } from './request';
import style from './Try.module.css';
import type { TryForm as Form } from './useTryForm';
import type { TryRun } from './useTryRun';

const MODES: { value: Mode; label: string }[] = [
  { value: 'stream', label: 'Stream' },
  { value: 'wait', label: 'Wait' },
  { value: 'async', label: 'Async' },
];

const FORMS: { value: 'form' | 'json'; label: string }[] = [
  { value: 'form', label: 'Form' },
  { value: 'json', label: 'JSON' },
];

type Props = {
  workflowId: string;
  fields: InterfaceInput[];
  form: Form;
  version: string | null;
  mode: Mode;
  curl: string;
  run: TryRun;
  /** Why it cannot be run. */
  blocked: string | null;
  onChoose: (choice: { version?: string | null; mode?: Mode; from?: string }) => void;
  onRun: () => void;
};

/** The left side: the input, how it is run, and the buttons that do it. */
export function TryForm(props: Props) {
  const { form, mode, onChoose } = props;
  return (
    <form
      className={style.form}
      aria-label="Input"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        props.onRun();
      }}
    >
      <header className={style.head}>
        <h2>Input</h2>
        <Segment
          label="Edit the input as"
          options={FORMS}
          value={form.json === null ? 'form' : 'json'}
          onChange={(value) => form.showJson(value === 'json')}
        />
      </header>
      <div className={style.fields}>
        <Input {...props} />
        <hr className={style.rule} />
        <VersionField {...props} />
        <div className={style.answer}>
          <span aria-hidden>Answer</span>
          <Segment label="Answer" options={MODES} value={mode} onChange={(value) => onChoose({ mode: value })} />
        </div>
        <MoreOptions options={form.options} onChange={form.setOptions} />
      </div>
      <Footer {...props} />
    </form>
  );
}

/** The input, and where it can be had from. */
function Input({ workflowId, fields, form, onChoose }: Props) {
  const example = exampleInput(fields);
  return (
    <>
      <div className={style.sources}>
        {example && (
          <Button size="small" icon={<FlaskConical />} onClick={() => form.fill(example)}>
            From the example
          </Button>
        )}
        <FromRun workflowId={workflowId} onChoose={(from) => onChoose({ from })} />
      </div>
      {form.json === null ? (
        <InputForm fields={fields} entries={form.entries} errors={form.errors} onChange={form.setEntry} />
      ) : (
        <JsonForm text={form.json} error={Object.values(form.errors)[0]} onChange={form.setJson} />
      )}
    </>
  );
}

function VersionField({ workflowId, version, onChoose }: Props) {
  const activeVersion = useDraft(workflowId).data?.active_version ?? null;
  const versions = useQuery({
    queryKey: ['versions', workflowId, 'recent'],
    queryFn: () => listVersions(workflowId, { limit: 20 }),
  });
  const older = (versions.data?.items ?? []).filter((item) => item.version !== activeVersion);
  return (
    <Field label="Version">
      {(ids) => (
        <Select {...ids} value={version ?? ''} onChange={(event) => onChoose({ version: event.target.value || null })}>
          <option value="">{activeVersion ? `${activeVersion} · active` : 'Nothing is published'}</option>
          <option value="draft">draft · as it is saved</option>
          {older.map((item) => (
            <option key={item.version} value={item.version}>
              {item.version}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

function Footer({ workflowId, curl, run, blocked }: Props) {
  const blockedCancel = useBlocked()('cancel', workflowId);
  return (
    <footer className={style.foot}>
      <CopyButton text={curl} label="Copy as curl" />
      {run.busy ? (
        <Button look="danger" icon={<Square />} busy={run.cancelling} blocked={blockedCancel} onClick={run.cancel}>
          Cancel run
        </Button>
      ) : (
        <Button look="primary" type="submit" icon={<Play />} blocked={blocked} shortcut={`${MOD}↵`}>
          Run
        </Button>
      )}
    </footer>
  );
}
