import { useId, useState } from 'react';
import type { Schemas } from '../../api/client';
import { useKnownWorkflows } from '../../api/workflows';
import { Checkbox, Input } from '../../ui/Field';
import { Segment } from '../../ui/Segment';
import style from './Keys.module.css';
import { type KeyForm, SCOPES } from './newKey';

type Choice<Value> = { value: Value; error?: string; onChange: (value: Value) => void };

const MANY = 8;

/** All workflows, or some of them. */
export function ChooseWorkflows({ value, error, onChange }: Choice<KeyForm['workflows']>) {
  const note = useId();
  const workflows = useKnownWorkflows();
  const [text, setText] = useState('');
  const chosen = value === '*' ? [] : value;
  const found = workflows.filter(({ id, name }) => `${name} ${id}`.toLowerCase().includes(text.trim().toLowerCase()));
  const toggle = (id: string) => onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  return (
    <fieldset className={style.choice} aria-describedby={error ? note : undefined}>
      <legend>Workflows</legend>
      <div>
        <Segment
          label="Good for"
          options={[
            { value: 'all', label: 'All, future ones too' },
            { value: 'some', label: `Some${chosen.length ? `: ${chosen.length}` : ''}` },
          ]}
          value={value === '*' ? 'all' : 'some'}
          onChange={(next) => onChange(next === 'all' ? '*' : [])}
        />
      </div>
      {value !== '*' && workflows.length > MANY && (
        <Input
          aria-label="Filter"
          placeholder="Filter"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      {value !== '*' && (
        <div className={style.workflows}>
          {found.map(({ id, name }) => (
            <Checkbox
              key={id}
              checked={value.includes(id)}
              onChange={() => toggle(id)}
              label={
                <>
                  {name} <code>{id}</code>
                </>
              }
            />
          ))}
        </div>
      )}
      {error && (
        <p id={note} className={style.wrong}>
          {error}
        </p>
      )}
    </fieldset>
  );
}

/** What the key may do. */
export function ChooseScopes({ value, error, onChange }: Choice<Schemas['KeyScope'][]>) {
  const note = useId();
  return (
    <fieldset className={style.choice} aria-describedby={error ? note : undefined}>
      <legend>May</legend>
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
      {error && (
        <p id={note} className={style.wrong}>
          {error}
        </p>
      )}
    </fieldset>
  );
}
