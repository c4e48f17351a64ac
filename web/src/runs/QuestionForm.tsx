import { useMutation } from '@tanstack/react-query';
import { Check, X } from 'lucide-react';
import { useState } from 'react';
import { ApiError, api, body, type Schemas } from '../api/client';
import { useBlocked } from '../app/useSession';
import { Button } from '../ui/Button';
import { Checkbox, Field, Input, Textarea } from '../ui/Field';
import { Note } from '../ui/Note';
import { TextAreaField } from '../ui/TextField';
import { controlOf, readAnswer, readObject, toText } from './answer';
import { Countdown } from './Countdown';
import style from './QuestionForm.module.css';

type Question = Schemas['Question'];
type Props = { question: Question; runId: string; workflowId: string; onAnswered: () => void };

/** A question of a run with its fields to edit, and the two answers. */
export function QuestionForm({ question, runId, workflowId, onAnswered }: Props) {
  const blocked = useBlocked()('run', workflowId);
  const { texts, set, any, setAny, free, data, problems, wrong } = useFilledIn(question);
  const answer = useAnswer({ runId, node: question.node, data, onAnswered });
  return (
    <form
      className={style.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong && !blocked && !answer.isPending) answer.mutate(true);
      }}
    >
      <p className={style.message}>{question.message}</p>
      {(question.fields ?? []).map((field) => (
        <AnswerField
          key={field.name}
          field={field}
          text={texts[field.name] ?? toText(field)}
          problem={problems[field.name]}
          onChange={(text) => set(field.name, text)}
        />
      ))}
      {free && (
        <TextAreaField
          label="Answer"
          hint="Any object, as JSON; may be left out"
          error={free.problem}
          mono
          value={any}
          onChange={setAny}
        />
      )}
      {answer.error && <Note tone="bad">{refusal(answer.error)}</Note>}
      <div className={style.actions}>
        <Answers blocked={blocked} wrong={wrong} busy={answer.isPending} onReject={() => answer.mutate(false)} />
        <Countdown to={question.expires_at} />
      </div>
    </form>
  );
}

type AnswersProps = { blocked: string | null; wrong: boolean; busy: boolean; onReject: () => void };

const Answers = ({ blocked, wrong, busy, onReject }: AnswersProps) => (
  <>
    <Button
      type="submit"
      look="primary"
      icon={<Check />}
      busy={busy}
      blocked={blocked ?? (wrong ? 'A field cannot be read.' : null)}
    >
      Approve
    </Button>
    <Button icon={<X />} busy={busy} blocked={blocked} onClick={onReject}>
      Reject
    </Button>
  </>
);

/** What was filled in: a text for each field, or any object where the question names none. */
function useFilledIn({ fields }: Question) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [any, setAny] = useState('');
  const { data, problems } = readAnswer(fields ?? [], texts);
  const free = fields === null ? readObject(any) : null;
  return {
    texts,
    set: (name: string, text: string) => setTexts({ ...texts, [name]: text }),
    any,
    setAny,
    free,
    data: free ? (free.data ?? {}) : data,
    problems,
    wrong: Object.keys(problems).length > 0 || Boolean(free?.problem),
  };
}

type Answer = { runId: string; node: string; data: unknown; onAnswered: () => void };

/** Approves with what was filled in, or rejects. */
function useAnswer({ runId, node, data, onAnswered }: Answer) {
  const params = { path: { run_id: runId } };
  return useMutation({
    mutationFn: (approved: boolean) => {
      const given = approved ? { data: data as Record<string, never> } : {};
      return body(api.POST('/v1/runs/{run_id}/resume', { params, body: { node, approved, ...given } }));
    },
    onSuccess: onAnswered,
  });
}

type FieldProps = {
  field: Schemas['QuestionField'];
  text: string;
  problem: string | undefined;
  onChange: (text: string) => void;
};

function AnswerField({ field, text, problem, onChange }: FieldProps) {
  const control = controlOf(field);
  if (control === 'switch') {
    return (
      <Checkbox
        label={field.name}
        checked={text === 'true'}
        onChange={(event) => onChange(String(event.target.checked))}
      />
    );
  }
  const change = (event: { target: { value: string } }) => onChange(event.target.value);
  return (
    <Field label={field.name} aside={field.type} hint={field.description || undefined} error={problem}>
      {(ids) =>
        control === 'text' || control === 'number' ? (
          <Input {...ids} inputMode={control === 'number' ? 'decimal' : undefined} value={text} onChange={change} />
        ) : (
          <Textarea {...ids} mono={control === 'json'} rows={5} value={text} onChange={change} />
        )
      }
    </Field>
  );
}

function refusal(error: Error): string {
  const wrong = error instanceof ApiError ? (error.problem.errors ?? []) : [];
  return wrong.length ? wrong.map(({ pointer, message }) => `${pointer} ${message}`).join('; ') : error.message;
}
