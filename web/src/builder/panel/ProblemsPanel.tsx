import { CircleX, TriangleAlert } from 'lucide-react';
import type { Problem } from '../../api/documents';
import { Button } from '../../ui/Button';
import { Coded } from '../../ui/Coded';
import { Empty } from '../../ui/Empty';
import { MOD } from '../../ui/Kbd';
import { useBuilder } from '../context';
import { suggestionOf } from '../document/suggestion';
import { placeOf } from '../lookup';
import { useActions } from '../useActions';
import style from './Panel.module.css';

/** Everything that is wrong with the draft. A click shows where. */
export function ProblemsPanel() {
  const { state } = useBuilder();
  if (state.problems.length === 0) return <Empty title="Nothing is wrong">The draft can be published.</Empty>;
  return (
    <ul className={style.list}>
      {state.problems.map((problem) => (
        <Entry key={`${problem.path} ${problem.message}`} problem={problem} />
      ))}
    </ul>
  );
}

function Entry({ problem }: { problem: Problem }) {
  const { state, select, selected, open } = useBuilder();
  const place = placeOf(state.outline, problem);
  const isError = problem.severity === 'error';
  return (
    <li>
      <button
        type="button"
        className={style.entry}
        aria-current={place !== null && place === selected}
        onClick={() => (place === null ? open('document') : select(place))}
      >
        <span className={isError ? style.bad : style.warn}>
          {isError ? <CircleX aria-label="Error" /> : <TriangleAlert aria-label="Warning" />}
        </span>
        <span>
          <Coded text={problem.message} />
          <small>
            {place ?? 'document'}
            {problem.line !== undefined && ` · line ${problem.line}`}
          </small>
        </span>
      </button>
      <Fix problem={problem} />
    </li>
  );
}

/** Takes what the problem suggests, if it does. */
function Fix({ problem }: { problem: Problem }) {
  const { locked } = useBuilder();
  const actions = useActions();
  const suggestion = suggestionOf(problem);
  if (!suggestion) return null;
  return (
    <div className={style.fix}>
      <Button size="small" blocked={locked} shortcut={`${MOD}.`} onClick={() => actions.fix(problem)}>
        Use <code>{suggestion.right}</code>
      </Button>
    </div>
  );
}
