import { useState } from 'react';
import { parseDocument, stringify } from 'yaml';
import type { EditorProps } from './FieldControl';
import style from './Form.module.css';
import { RefText } from './RefText';

/** Any value as YAML. What cannot be read is not taken over. */
export function YamlField({ field, value, path, set, disabled, ids }: EditorProps) {
  const [error, setError] = useState<string | null>(null);
  const text = value === undefined ? '' : typeof value === 'string' && !value.includes('\n') ? value : written(value);
  const change = (typed: string) => {
    if (typed.trim() === '') {
      setError(null);
      set(path, undefined);
      return;
    }
    const document = parseDocument(typed);
    const wrong = document.errors[0];
    if (wrong) return setError(wrong.message.split('\n')[0] ?? 'not YAML');
    try {
      set(path, document.toJS());
      setError(null);
    } catch (failure) {
      // Aliases that name nothing, or too much.
      setError(String((failure as Error).message));
    }
  };
  return (
    <>
      <RefText
        id={ids.id}
        describedBy={ids['aria-describedby']}
        invalid={ids['aria-invalid'] || error !== null}
        mono
        lines={2}
        disabled={disabled}
        value={text}
        onChange={change}
        placeholder={field.type === 'json_schema' ? 'type: object' : 'YAML'}
      />
      {error && <p className={style.wrong}>{error}</p>}
    </>
  );
}

const written = (value: unknown) => stringify(value, { lineWidth: 0 }).trimEnd();
