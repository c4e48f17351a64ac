import type { InterfaceInput, InterfaceOutput } from '../../../api/workflow';
import { Chip } from '../../../ui/Chip';
import { type Column, Table } from '../../../ui/Table';
import { writeDefault } from '../try/fields';
import style from './Api.module.css';
import { Section } from './Section';

const INPUTS: Column<InterfaceInput>[] = [
  { id: 'name', head: 'Name', cell: (field) => <code>{field.name}</code> },
  { id: 'type', head: 'Type', cell: (field) => field.type },
  {
    id: 'default',
    head: 'Default',
    cell: (field) =>
      field.required ? (
        <Chip>required</Chip>
      ) : (
        <code className={style.value}>{field.default === undefined ? 'none' : writeDefault(field.default)}</code>
      ),
  },
  { id: 'description', head: 'Description', cell: describe, hideBelow: 'phone' },
];

function describe(field: InterfaceInput) {
  const allowed = field.enum?.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(', ');
  return [field.description, allowed && `One of ${allowed}`].filter(Boolean).join('. ');
}

const OUTPUTS: Column<InterfaceOutput>[] = [
  { id: 'name', head: 'Name', cell: (field) => <code>{field.name}</code> },
  { id: 'type', head: 'Type', cell: (field) => field.type ?? <span className={style.faint}>any</span> },
  { id: 'source', head: 'From', cell: (field) => <Source source={field.source} /> },
  {
    id: 'nullable',
    head: 'Null',
    numeric: true,
    cell: (field) => <span className={style.faint}>{field.nullable ? 'may be' : 'never'}</span>,
  },
];

/** One reference stands as a chip, anything else as it is written. */
function Source({ source }: { source: string }) {
  const reference = /^<([^<>]+)>$/.exec(source.trim())?.[1];
  return reference ? <Chip look="reference">{reference}</Chip> : <code className={style.source}>{source}</code>;
}

export function Inputs({ fields }: { fields: InterfaceInput[] }) {
  const remark = fields.length ? 'any other field is refused' : 'any JSON object';
  return (
    <Section title="Inputs" remark={remark}>
      {fields.length ? (
        <Table dense label="Inputs" columns={INPUTS} rows={fields} rowKey={(field) => field.name} />
      ) : (
        <p className={style.faint}>The document declares no fields, so that callers may send what they like.</p>
      )}
    </Section>
  );
}

export function Outputs({ fields }: { fields: InterfaceOutput[] }) {
  return (
    <Section title="Outputs" remark="what callers get">
      {fields.length ? (
        <Table dense label="Outputs" columns={OUTPUTS} rows={fields} rowKey={(field) => field.name} />
      ) : (
        <p className={style.faint}>
          The last nodes’ outputs. Name what callers get in the section output of the document.
        </p>
      )}
    </Section>
  );
}
