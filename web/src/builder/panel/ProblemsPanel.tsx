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
  const { state, select, selected, open, locked } = useBuilder();
  const actions = useActions();
  if (state.problems.length === 0) return <Empty title="Nothing is wrong">The draft can be published.</Empty>;
  const show = (problem: Problem) => {
    const place = placeOf(state.outline, problem);
    if (place === null) open('document');
    else select(place);
  };
  return (
    <ul className={style.list}>
      {state.problems.map((problem) => {
        const place = placeOf(state.outline, problem);
        const suggestion = suggestionOf(problem);
        const isError = problem.severity === 'error';
        return (
          <li key={`${problem.path} ${problem.message}`}>
            <button
              type="button"
              className={style.entry}
              aria-current={place !== null && place === selected}
              onClick={() => show(problem)}
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
            {suggestion && (
              <div className={style.fix}>
                <Button size="small" blocked={locked} shortcut={`${MOD}.`} onClick={() => actions.fix(problem)}>
                  Use <code>{suggestion.right}</code>
                </Button>
              </div>
            )}
          </li>
        );
      })}
    </ul>
  );
}
