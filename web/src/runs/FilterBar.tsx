import { Plus, Search } from 'lucide-react';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useKnownWorkflows } from '../api/workflows';
import { FILTER } from '../app/useGlobalShortcuts';
import { useBlocked } from '../app/useSession';
import { Button } from '../ui/Button';
import { FilterChip } from '../ui/Chip';
import { Field, Input, Select } from '../ui/Field';
import { Popover } from '../ui/Popover';
import style from './FilterBar.module.css';
import { type Changes, chips, type Filter, type Filters, parseDuration, STATUSES } from './filters';
import { useFilterNames, useKeyNames, useVersions } from './names';

type Props = { filters: Filters; workflowId: string | undefined; onChange: (changes: Changes) => void };

/** The filters that apply as chips, those that may be added, and the search. */
export function FilterBar({ filters, workflowId, onChange }: Props) {
  const { addable, names } = useFilters(filters, workflowId);
  return (
    <search className={style.bar}>
      {chips(filters, names).map(({ filter, name, value }) => (
        <FilterChip key={filter} name={name} value={value} onRemove={() => onChange({ [filter]: null })} />
      ))}
      {addable.map(({ label, fields }) => (
        <Add key={label} label={label} fields={fields} filters={filters} onChange={onChange} />
      ))}
      <TextSearch value={filters.q ?? ''} onSearch={(q) => onChange({ q: q || null })} />
    </search>
  );
}

/** The filters that there are, with what can be chosen in each, and the names of what is chosen. */
function useFilters(filters: Filters, workflowId: string | undefined) {
  const workflows = useKnownWorkflows();
  const keys = useKeyNames();
  const versions = useVersions(workflowId ?? filters.workflow);
  const seesKeys = !useBlocked()('trace', workflowId);
  const addable: Addable[] = [
    { label: 'Status', fields: [{ filter: 'status', label: 'Status', choices: STATUS_CHOICES }] },
    ...(workflowId
      ? []
      : [
          {
            label: 'Workflow',
            fields: [{ filter: 'workflow', label: 'Workflow', choices: choicesOf(workflows) } as const],
          },
        ]),
    {
      label: 'Version',
      fields: [{ filter: 'version', label: 'Version', choices: versions.map((value) => ({ value, label: value })) }],
    },
    NODE_OR_CODE,
    ...(seesKeys
      ? [{ label: 'Key', fields: [{ filter: 'key', label: 'Started by the key', choices: choicesOf(keys) } as const] }]
      : []),
    ...OTHERS,
  ];
  return { addable, names: useFilterNames() };
}

const choicesOf = (items: { id: string; name: string }[]) => items.map(({ id, name }) => ({ value: id, label: name }));
const STATUS_CHOICES = STATUSES.map((value) => ({ value, label: value.charAt(0).toUpperCase() + value.slice(1) }));

type FieldOf = {
  filter: Filter;
  label: string;
  hint?: string;
  choices?: { value: string; label: string }[];
  duration?: boolean;
  time?: boolean;
};
type Addable = { label: string; fields: FieldOf[] };

const NODE_OR_CODE: Addable = {
  label: 'Node or code',
  fields: [
    { filter: 'node', label: 'Failed at the node' },
    { filter: 'code', label: 'With the code', hint: 'Such as http_status or timeout' },
  ],
};
const OTHERS: Addable[] = [
  { label: 'User', fields: [{ filter: 'user', label: 'User' }] },
  {
    label: 'Slower than',
    fields: [{ filter: 'slower', label: 'Slower than', hint: 'Such as 900 ms, 2.5 s, 3 min', duration: true }],
  },
  {
    label: 'Time',
    fields: [
      { filter: 'from', label: 'From', time: true },
      { filter: 'to', label: 'Before', time: true },
    ],
  },
];

type AddProps = Addable & { filters: Filters; onChange: (changes: Changes) => void };

function Add({ label, fields, filters, onChange }: AddProps) {
  if (fields.every(({ filter }) => filters[filter])) return null;
  return (
    <Popover
      label={`Filter by ${label}`}
      align="start"
      button={(open) => (
        <button type="button" className={style.add} {...open}>
          <Plus aria-hidden />
          {label}
        </button>
      )}
    >
      {(close) => (
        <AddForm
          fields={fields}
          filters={filters}
          onDone={(changes) => {
            close();
            onChange(changes);
          }}
        />
      )}
    </Popover>
  );
}

type FormProps = { fields: FieldOf[]; filters: Filters; onDone: (changes: Changes) => void };

function AddForm({ fields, filters, onDone }: FormProps) {
  const [errors, setErrors] = useState<Partial<Record<Filter, string>>>({});
  const [only] = fields;
  if (fields.length === 1 && only?.choices?.length) return <Choices field={only} onDone={onDone} />;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const changes: Changes = {};
    const wrong: typeof errors = {};
    for (const field of fields) {
      const text = String(form.get(field.filter) ?? '').trim();
      const value = toValue(field, text);
      if (value === undefined) wrong[field.filter] = 'Not a duration: write it as 900 ms, 2.5 s or 3 min';
      else changes[field.filter] = value;
    }
    if (Object.keys(wrong).length) setErrors(wrong);
    else onDone(changes);
  };
  return (
    <form className={style.form} onSubmit={submit}>
      {fields.map((field, index) => (
        <Field key={field.filter} label={field.label} hint={field.hint} error={errors[field.filter]}>
          {(ids) => (
            <Input
              {...ids}
              name={field.filter}
              type={field.time ? 'datetime-local' : 'text'}
              defaultValue={field.time ? undefined : filters[field.filter]}
              autoFocus={index === 0}
            />
          )}
        </Field>
      ))}
      <Button look="primary" size="small" type="submit">
        Apply
      </Button>
    </form>
  );
}

/** Returns null for no filter, and undefined for a text that is none. */
function toValue(field: FieldOf, text: string): string | null | undefined {
  if (!text) return null;
  if (field.time) return new Date(text).toISOString();
  if (!field.duration) return text;
  const ms = parseDuration(text);
  return ms === null ? undefined : String(ms);
}

function Choices({ field, onDone }: { field: FieldOf; onDone: (changes: Changes) => void }) {
  if ((field.choices?.length ?? 0) > 12) {
    return (
      <Select
        aria-label={field.label}
        defaultValue=""
        onChange={(event) => onDone({ [field.filter]: event.target.value })}
      >
        <option value="" disabled>
          Choose
        </option>
        {field.choices?.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </Select>
    );
  }
  return (
    <ul className={style.choices}>
      {field.choices?.map(({ value, label }) => (
        <li key={value}>
          <button type="button" onClick={() => onDone({ [field.filter]: value })}>
            {label}
          </button>
        </li>
      ))}
    </ul>
  );
}

const PAUSE_MS = 400;

/** Searches once the typing pauses. `/` goes there. */
function TextSearch({ value, onSearch }: { value: string; onSearch: (text: string) => void }) {
  const [text, setText] = useState(value);
  const latest = useRef(onSearch);
  latest.current = onSearch;
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => latest.current(text.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  return (
    <span className={style.search}>
      <Input
        {...FILTER}
        type="search"
        icon={<Search aria-hidden />}
        aria-label="Search runs by id, user, error, input and output"
        placeholder="Run id, user, text in outputs"
        value={text}
        maxLength={200}
        onChange={(event) => setText(event.target.value)}
      />
    </span>
  );
}
