import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, body } from '../../api/client';
import type { Run } from '../../api/runs';
import { QuestionForm } from '../../runs/QuestionForm';
import { StateIcon } from '../../ui/Status';
import style from './RunQuestions.module.css';

/** What the run asks people, to be answered here. */
export function RunQuestions({ run }: { run: Run }) {
  const client = useQueryClient();
  const questions = useQuery({
    queryKey: ['run-questions', run.id],
    queryFn: () => body(api.GET('/v1/runs/{run_id}/questions', { params: { path: { run_id: run.id } } })),
    refetchInterval: 3_000,
  });
  const answered = () => {
    for (const key of ['run-questions', 'run', 'trace']) client.invalidateQueries({ queryKey: [key, run.id] });
  };
  return questions.data?.items.map((question) => (
    <section key={question.node} className={style.question} aria-label={`Question of ${question.node}`}>
      <h2>
        <StateIcon state="waiting" /> Waits for a person at <code>{question.node}</code>
      </h2>
      <QuestionForm question={question} runId={run.id} workflowId={run.workflow_id} onAnswered={answered} />
    </section>
  ));
}
