import { useQuery } from '@tanstack/react-query';
import { FlaskConical, Play, Square } from 'lucide-react';
import { type InterfaceInput, listVersions } from '../../../api/workflow';
import { Button } from '../../../ui/Button';
import { CopyButton } from '../../../ui/CodeBlock';
import { Field, Select } from '../../../ui/Field';
import { MOD } from '../../../ui/Kbd';
import { Segment } from '../../../ui/Segment';
import { FromRun } from './FromRun';
import { exampleInput } from './fields';
import { InputForm, JsonForm } from './InputForm';
import { MoreOptions } from './MoreOptions';
import type { Mode } from './request';
import style from './Try.module.css';
import type { TryForm as Form } from './useTryForm';

const MODES: { value: Mode; label: string }[] = [
  { value: 'stream', label: 'Stream' },
  { value: 'wait', label: 'Wait' },
  { value: 'async', label: 'Async' },
];

type Props = {
  workflowId: string;
  activeVersion: string | null;
  fields: InterfaceInput[];
  form: Form;
  version: string | null;
  mode: Mode;
  curl: string;
  busy: boolean;
  cancelling: boolean;
  blocked: string | null;
  blockedCancel: string | null;
  onChoose: (choice: { version?: string | null; mode?: Mode; from?: string }) => void;
  onRun: () => void;
  onCancel: () => void;
};

/** The left side: the input, how it is run, and the buttons that do it. */
export function TryForm(props: Props) {
  const { workflowId, fields, form, mode, onChoose } = props;
  const example = exampleInput(fields);
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
          options={[
            { value: 'form', label: 'Form' },
            { value: 'json', label: 'JSON' },
          ]}
          value={form.json === null ? 'form' : 'json'}
          onChange={(value) => form.showJson(value === 'json')}
        />
      </header>
      <div className={style.fields}>
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

function VersionField({ workflowId, activeVersion, version, onChoose }: Props) {
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

function Footer({ curl, busy, cancelling, blocked, blockedCancel, onCancel }: Props) {
  return (
    <footer className={style.foot}>
      <CopyButton text={curl} label="Copy as curl" />
      {busy ? (
        <Button look="danger" icon={<Square />} busy={cancelling} blocked={blockedCancel} onClick={onCancel}>
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
