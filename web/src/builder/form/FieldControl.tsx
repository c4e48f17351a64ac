import { useMemo } from 'react';
import type { FieldSpec, Problem } from '../../api/documents';
import { Field, Input, Select } from '../../ui/Field';
import { useBuilder } from '../context';
import type { Path } from '../document/nodes';
import { pointer } from '../document/nodes';
import { kindOf, nodeOf } from '../lookup';
import type { Suggestion } from '../suggestions';
import { AfterField } from './AfterField';
import { choicesOf, chosen, controlOf, formHelpOf, labelOf, parsed } from './controls';
import style from './Form.module.css';
import { FieldGroup, ItemList } from './groups';
import { modelsFor } from './models';
import { OnErrorField } from './OnErrorField';
import { RefText } from './RefText';
import { TextList, TextMap } from './texts';
import { useBuffered } from './useBuffered';
import { YamlField } from './YamlField';

/** What every control gets. `set` takes a path below the form, and `undefined` to remove. */
export type ControlProps = {
  field: FieldSpec;
  value: unknown;
  path: Path;
  set: (path: Path, value: unknown) => void;
  disabled: boolean;
  /** Of the whole form, by JSON Pointer below it. */
  problems: Problem[];
  /** The form's own JSON Pointer. */
  base: string;
};

/** One field of a node with its label, its help and what is wrong with it. */
export function FieldControl(props: ControlProps) {
  const { field, value, path, problems, base } = props;
  const control = controlOf(field, value);
  if (control === 'none') return null;
  if (control === 'fields') return <FieldGroup {...props} />;
  if (control === 'items') return <ItemList {...props} />;
  const here = `${base}${pointer(path)}`;
  const wrong = problems.filter((problem) => problem.path === here || problem.path.startsWith(`${here}/`));
  return (
    <Field
      label={<Label field={field} />}
      hint={<Hint help={formHelpOf(field)} warnings={wrong} />}
      error={errorsOf(wrong)}
      aside={control === 'text' || control === 'long text' ? 'type < to refer' : undefined}
    >
      {(ids) => <Editor {...props} ids={ids} />}
    </Field>
  );
}

/** What is wrong, in one text; warnings are not errors. */
export function errorsOf(problems: Problem[]): string | undefined {
  const errors = problems.filter((problem) => problem.severity === 'error');
  return errors.length > 0 ? errors.map((problem) => problem.message).join('; ') : undefined;
}

export function Hint({ help, warnings }: { help: string; warnings: Problem[] }) {
  if (warnings.length === 0) return <span title={help}>{help}</span>;
  return <em className={style.warning}>{warnings.map((problem) => problem.message).join('; ')}</em>;
}

export function Label({ field }: { field: FieldSpec }) {
  return (
    <>
      {labelOf(field.name)}
      {field.required && <span title="required"> *</span>}
    </>
  );
}

type Ids = { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true };
export type EditorProps = ControlProps & { ids: Ids };

function Editor(props: EditorProps) {
  const { field, value, path, set, disabled, ids } = props;
  switch (controlOf(field, value)) {
    case 'text':
    case 'long text':
      return <ReferenceEditor {...props} />;
    case 'choice': {
      const options = choicesOf(field);
      const current = value === undefined || value === null ? '' : String(value);
      const known = options.some((option) => option.value.toLowerCase() === current.toLowerCase());
      return (
        <Select
          {...ids}
          disabled={disabled}
          value={options.find((option) => option.value.toLowerCase() === current.toLowerCase())?.value ?? current}
          onChange={(event) => set(path, chosen(field, event.target.value))}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
          {!known && <option value={current}>{current}</option>}
        </Select>
      );
    }
    case 'texts':
      return <TextMap {...props} />;
    case 'text list':
      return <TextList {...props} />;
    case 'after':
      return <AfterField {...props} />;
    case 'on error':
      return <OnErrorField {...props} />;
    case 'yaml':
      return <YamlField {...props} />;
    default:
      return <ShortEditor {...props} />;
  }
}

function ReferenceEditor({ field, value, path, set, disabled, ids }: EditorProps) {
  const isLong = controlOf(field, value) === 'long text';
  const models = useModels(field);
  return (
    <RefText
      id={ids.id}
      describedBy={ids['aria-describedby']}
      invalid={ids['aria-invalid']}
      value={value === undefined || value === null ? '' : String(value)}
      onChange={(text) => set(path, parsed(field, text))}
      lines={isLong ? 3 : 1}
      mono={field.type !== 'text' || ['url', 'model'].includes(field.name)}
      disabled={disabled}
      placeholder={field.default?.replace(/`/g, '') ?? undefined}
      choices={models}
    />
  );
}

function useModels(field: FieldSpec): Suggestion[] {
  const { state, kinds, selected } = useBuilder();
  const { text } = state.history;
  const kind = kindOf(kinds, nodeOf(state.outline, selected)?.kind);
  return useMemo(() => modelsFor(field, kind, text).map((path) => ({ path, from: 'model' })), [field, kind, text]);
}

function ShortEditor({ field, value, path, set, disabled, ids }: EditorProps) {
  const text = value === undefined || value === null ? '' : String(value);
  const { shown, type, flush } = useBuffered(text, (typed) => set(path, parsed(field, typed)));
  return (
    <Input
      {...ids}
      mono
      inputMode={controlOf(field, value) === 'number' ? 'decimal' : undefined}
      disabled={disabled}
      value={shown}
      placeholder={field.default?.replace(/`/g, '') ?? undefined}
      onChange={(event) => type(event.target.value)}
      onBlur={flush}
    />
  );
}
