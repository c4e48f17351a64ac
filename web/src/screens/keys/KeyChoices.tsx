import { type ReactNode, useId, useState } from 'react';
import type { Schemas } from '../../api/client';
import { useKnownWorkflows } from '../../api/workflows';
import { CheckList } from '../../ui/CheckList';
import { Checkbox, Input } from '../../ui/Field';
import { Segment } from '../../ui/Segment';
import style from './Keys.module.css';
import { type KeyForm, SCOPES } from './newKey';

type Choice<Value> = { value: Value; error?: string; onChange: (value: Value) => void };

const MANY = 8;

/** All workflows, or some of them. */
export function ChooseWorkflows({ value, error, onChange }: Choice<KeyForm['workflows']>) {
  const count = value === '*' ? 0 : value.length;
  return (
    <Choices legend="Workflows" error={error}>
      <div>
        <Segment
          label="Good for"
          options={[
            { value: 'all', label: 'All, future ones too' },
            { value: 'some', label: `Some${count ? `: ${count}` : ''}` },
          ]}
          value={value === '*' ? 'all' : 'some'}
          onChange={(next) => onChange(next === 'all' ? '*' : [])}
        />
      </div>
      {value !== '*' && <SomeWorkflows chosen={value} onChange={onChange} />}
    </Choices>
  );
}

function SomeWorkflows({ chosen, onChange }: { chosen: string[]; onChange: (chosen: string[]) => void }) {
  const workflows = useKnownWorkflows();
  const [text, setText] = useState('');
  const wanted = text.trim().toLowerCase();
  const found = workflows.filter(({ id, name }) => `${name} ${id}`.toLowerCase().includes(wanted));
  return (
    <>
      {workflows.length > MANY && (
        <Input
          aria-label="Filter"
          placeholder="Filter"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      <CheckList of={found} chosen={chosen} onChange={onChange} />
    </>
  );
}

/** What the key may do. */
export function ChooseScopes({ value, error, onChange }: Choice<Schemas['KeyScope'][]>) {
  return (
    <Choices legend="May" error={error}>
      {SCOPES.map(({ scope, allows }) => (
        <Checkbox
          key={scope}
          checked={value.includes(scope)}
          onChange={(event) =>
            onChange(event.target.checked ? [...value, scope] : value.filter((one) => one !== scope))
          }
          label={
            <span className={style.scope}>
              <b>{scope}</b>
              <span>{allows}</span>
            </span>
          }
        />
      ))}
    </Choices>
  );
}

function Choices({ legend, error, children }: { legend: string; error?: string; children: ReactNode }) {
  const note = useId();
  return (
    <fieldset className={style.choice} aria-describedby={error ? note : undefined}>
      <legend>{legend}</legend>
      {children}
      {error && (
        <p id={note} className={style.wrong}>
          {error}
        </p>
      )}
    </fieldset>
  );
}
