import { X } from 'lucide-react';
import type { Outline } from '../../graph/types';
import { Select } from '../../ui/Field';
import { useBuilder } from '../context';
import { nodeOf } from '../lookup';
import type { EditorProps } from './FieldControl';
import style from './Form.module.css';

/** What a node waits for: nodes of its list, their branches, their failure. */
export function AfterField({ value, path, set, disabled, ids }: EditorProps) {
  const { state, selected } = useBuilder();
  const names = value === undefined || value === null ? [] : (Array.isArray(value) ? value : [value]).map(String);
  const choices = choicesOf(state.outline, selected);
  const remove = (name: string) => {
    const rest = names.filter((other) => other !== name);
    set(path, rest.length > 0 ? rest : undefined);
  };
  return (
    <div className={style.chips}>
      {names.map((name) => (
        <span key={name} className={style.chip}>
          {name}
          <button type="button" aria-label={`Do not wait for ${name}`} disabled={disabled} onClick={() => remove(name)}>
            <X aria-hidden />
          </button>
        </span>
      ))}
      <Select
        {...ids}
        className={style.choose}
        disabled={disabled || choices.length === 0}
        value=""
        onChange={(event) => event.target.value && set(path, [...names, event.target.value])}
      >
        <option value="">{names.length > 0 ? 'and…' : 'what it refers to'}</option>
        {choices
          .filter((choice) => !names.includes(choice))
          .map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
      </Select>
    </div>
  );
}

/** The nodes beside a node, each with its branches and its failure. */
function choicesOf(outline: Outline | undefined, id: string | null): string[] {
  const own = nodeOf(outline, id);
  const siblings = (outline?.nodes ?? []).filter((node) => node.parent === own?.parent && node.id && node !== own);
  return siblings.flatMap(({ id, branches }) => [id, ...branches.map((branch) => `${id}.${branch}`), `${id}.error`]);
}
