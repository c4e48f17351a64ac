import { useQuery, useQueryClient } from '@tanstack/react-query';
import { UserCheck } from 'lucide-react';
import { Link } from 'wouter';
import { api, body, type Schemas } from '../../api/client';
import { announce } from '../../app/announce';
import { Outdated } from '../../app/Failure';
import { Loaded } from '../../app/Loaded';
import { QuestionForm } from '../../runs/QuestionForm';
import { Empty } from '../../ui/Empty';
import { formatAgo, formatDateTime, shortId } from '../../ui/format';
import { Page } from '../../ui/Page';
import style from './Approvals.module.css';

type OpenQuestion = Schemas['ListedQuestion'];
const keyOf = (question: OpenQuestion) => `${question.run_id} ${question.node}`;

/** What waits for a person, over all workflows, the oldest first. */
export default function Approvals() {
  const client = useQueryClient();
  const questions = useQuery({
    queryKey: ['questions'],
    queryFn: () => body(api.GET('/v1/questions')),
    refetchInterval: 5_000,
  });
  const answered = (question: OpenQuestion) => {
    announce(`Answered ${question.message}`);
    client.setQueryData<typeof questions.data>(['questions'], (now) =>
      now ? { ...now, items: now.items.filter((item) => keyOf(item) !== keyOf(question)) } : now,
    );
    client.invalidateQueries({ queryKey: ['questions'] });
  };
  return (
    <Page title="Approvals" lead="Runs that wait for the answer of a person.">
      <Loaded of={questions} what="the questions" rows={6}>
        {({ items }) => (
          <>
            <Outdated error={questions.error} what="the questions" onRetry={questions.refetch} />
            <Questions items={items} onAnswered={answered} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

type QuestionsProps = { items: OpenQuestion[]; onAnswered: (question: OpenQuestion) => void };

function Questions({ items, onAnswered }: QuestionsProps) {
  if (!items.length) {
    return (
      <Empty icon={<UserCheck />} title="Nothing waits for you">
        A node of the kind <code>approval</code> stops its run here until somebody answers.
      </Empty>
    );
  }
  return (
    <ul className={style.list}>
      {items.map((question) => (
        <li key={keyOf(question)} className={style.question}>
          <Head question={question} />
          <QuestionForm
            question={question}
            runId={question.run_id}
            workflowId={question.workflow_id}
            onAnswered={() => onAnswered(question)}
          />
        </li>
      ))}
    </ul>
  );
}

function Head({ question }: { question: OpenQuestion }) {
  const { run_id, node, asked_at } = question;
  return (
    <header className={style.head}>
      <h2>{question.workflow_name}</h2>
      <Link href={`/runs/${run_id}?node=${encodeURIComponent(node)}`} className="mono" title={run_id}>
        {shortId(run_id)}
      </Link>
      <code>{node}</code>
      <time dateTime={asked_at} title={formatDateTime(asked_at)}>
        asked {formatAgo(asked_at)}
      </time>
    </header>
  );
}
