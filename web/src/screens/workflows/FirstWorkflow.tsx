import { Terminal } from 'lucide-react';
import { CopyButton } from '../../ui/CodeBlock';
import { EXAMPLES } from './examples';
import { FileDrop } from './FileDrop';
import style from './FirstWorkflow.module.css';
import type { Start } from './NewWorkflow';
import { Sketch } from './Sketch';

const COMMAND = 'flowgate init && flowgate publish workflow.yaml';

const STEPS = [
  ['Make a workflow', 'from an example, a file, or nothing'],
  ['Publish it', 'gives it an address that stays'],
  ['Make a key', 'shown once'],
  ['Call it', 'copy the snippet'],
];

type Props = { onStart: (start: Start) => void; blocked: string | null };

/** What stands where there is no workflow yet: the ways to the first one. */
export function FirstWorkflow({ onStart, blocked }: Props) {
  return (
    <div className={style.columns}>
      <div className={style.main}>
        <header>
          <h2>Publish your first workflow</h2>
          <p>{blocked ?? 'Start from an example that runs without any provider key, or bring a file that you have.'}</p>
        </header>
        <Examples onStart={onStart} blocked={blocked} />
        <FileDrop onFile={(file) => onStart({ example: null, ...file })} />
        <div className={style.command}>
          <Terminal aria-hidden />
          <code>{COMMAND}</code>
          <CopyButton text={COMMAND} label="Copy the command" quiet />
        </div>
      </div>
      <aside aria-label="To the first call">
        <h3>To the first call</h3>
        <ol className={style.steps}>
          {STEPS.map(([title, how], index) => (
            <li key={title} aria-current={index === 0 ? 'step' : undefined}>
              <i aria-hidden>{index + 1}</i>
              <p>
                <b>{title}</b>
                <span>{how}</span>
              </p>
            </li>
          ))}
        </ol>
      </aside>
    </div>
  );
}

const Examples = ({ onStart, blocked }: Props) => (
  <ul className={style.examples}>
    {EXAMPLES.slice(1).map((example) => (
      <li key={example.id}>
        <button type="button" disabled={blocked !== null} onClick={() => onStart({ example: example.id })}>
          <Sketch rows={example.sketch} />
          <span className={style.words}>
            <b>{example.name}</b>
            <span>{example.summary}</span>
            <em>Use it</em>
          </span>
        </button>
      </li>
    ))}
  </ul>
);
