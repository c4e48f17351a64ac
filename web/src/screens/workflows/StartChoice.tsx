import { classes } from '../../ui/classes';
import { EXAMPLES } from './examples';
import style from './NewWorkflow.module.css';
import { Sketch } from './Sketch';

const SCRATCH = {
  id: null,
  name: 'From scratch',
  summary: 'One field, one node, one output.',
  sketch: [['gate' as const], ['data' as const], ['gate' as const]],
};

/** Chooses what a new workflow begins with. */
export function StartChoice({ value, onChange }: { value: string | null; onChange: (id: string | null) => void }) {
  return (
    <fieldset className={style.starts}>
      <legend>Start with</legend>
      {[SCRATCH, ...EXAMPLES.slice(1)].map((start) => (
        <label key={start.name} className={classes(style.start, start.id === value && style.chosen)}>
          <input
            type="radio"
            name="start"
            className="visually-hidden"
            checked={start.id === value}
            onChange={() => onChange(start.id)}
          />
          <Sketch rows={start.sketch} />
          <span>
            <b>{start.name}</b>
            {start.summary}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
