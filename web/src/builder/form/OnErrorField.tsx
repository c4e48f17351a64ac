import { Select } from '../../ui/Field';
import type { EditorProps } from './FieldControl';
import { YamlField } from './YamlField';

/** What happens when a node fails: the run fails, it goes on, or a value stands for the output. */
export function OnErrorField(props: EditorProps) {
  const { value, path, set, disabled, ids } = props;
  const isDefault = typeof value === 'object' && value !== null;
  const choose = (choice: string) => set(path, choice === 'default' ? { default: {} } : choice || undefined);
  const inner = { ...props, path: [...path, 'default'], value: (value as { default?: unknown } | undefined)?.default };
  return (
    <>
      <Select
        {...ids}
        disabled={disabled}
        value={isDefault ? 'default' : value === 'fail' ? '' : String(value ?? '')}
        onChange={(event) => choose(event.target.value)}
      >
        <option value="">The run fails</option>
        <option value="continue">The run goes on without its output</option>
        <option value="default">The run goes on with this output</option>
      </Select>
      {isDefault && <YamlField {...inner} ids={{ id: `${ids.id}-default` }} />}
    </>
  );
}
