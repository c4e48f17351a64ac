import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { ApiError, BASE } from '../../api/client';
import { getVersion, type WorkflowInterface } from '../../api/workflow';
import { CopyButton } from '../../ui/CodeBlock';
import { Empty, Skeleton } from '../../ui/Empty';
import { formatAgo, formatCount } from '../../ui/format';
import { Note } from '../../ui/Note';
import { StateIcon } from '../../ui/Status';
import { Addresses } from './api/Addresses';
import style from './api/Api.module.css';
import { Inputs, Outputs } from './api/Fields';
import type { Facts } from './api/facts';
import { KeysPart } from './api/KeysPart';
import { Schedules } from './api/Schedules';
import { Section } from './api/Section';
import { Snippets } from './api/Snippets';
import { WebhookPart } from './api/WebhookPart';
import { useDraft, useInterface } from './useInterface';

/** How programs call the workflow. */
export default function Api({ workflowId }: { workflowId: string }) {
  const face = useInterface(workflowId);
  const workflow = useDraft(workflowId).data;
  const active = workflow?.active_version ?? null;
  const facts = useFacts(workflowId, active, workflow?.document);
  if (face.isPending) return <Skeleton />;
  if (face.error) return <Missing error={face.error} workflowId={workflowId} />;
  return (
    <div className={style.page}>
      <div className={style.column}>
        <Endpoint face={face.data} activatedAt={workflow?.activated_at ?? null} isActive={active !== null} />
        <Inputs fields={face.data.inputs} />
        <Outputs fields={face.data.outputs} />
        {facts?.budget && <Budget budget={facts.budget} />}
        <WebhookPart workflowId={workflowId} webhook={facts?.webhook ?? null} />
        <Schedules schedules={workflow?.schedules ?? []} />
        <Addresses workflowId={workflowId} />
      </div>
      <div className={style.column}>
        <Snippets face={face.data} />
        <KeysPart workflowId={workflowId} />
      </div>
    </div>
  );
}

type EndpointProps = { face: WorkflowInterface; activatedAt: string | null; isActive: boolean };

function Endpoint({ face, activatedAt, isActive }: EndpointProps) {
  const url = `${BASE}${face.endpoint}`;
  return (
    <Section title="Endpoint">
      <div className={style.box}>
        <div className={style.row}>
          <b className={style.method}>POST</b>
          <code className={style.grow}>{url}</code>
          <CopyButton text={url} />
        </div>
      </div>
      <p className={style.state}>
        {isActive ? (
          <>
            <StateIcon state="succeeded" />
            <span>
              Active version <code>{face.version}</code>
              {activatedAt && `, since ${formatAgo(activatedAt)}`}
            </span>
            <span>
              pin one with <code>?version={face.version}</code>
            </span>
          </>
        ) : (
          <>
            <StateIcon state="pending" />
            <span>Nothing is published: callers get 409 not_published. This page shows the draft.</span>
          </>
        )}
      </p>
    </Section>
  );
}

function Budget({ budget }: { budget: NonNullable<Facts['budget']> }) {
  return (
    <Section title="Budget" remark="of each run">
      <p>
        {budget.max_cost_usd !== undefined && `At most $${budget.max_cost_usd} for models. `}
        {budget.max_tokens !== undefined && `At most ${formatCount(budget.max_tokens)} tokens. `}
        Past it, calls of models fail as <code>budget_exhausted</code>.
      </p>
    </Section>
  );
}

function Missing({ error, workflowId }: { error: Error; workflowId: string }) {
  if (error instanceof ApiError && error.code === 'not_published') {
    return (
      <Empty
        title="Nothing is published yet"
        actions={<Link href={`/workflows/${workflowId}`}>Go to the builder</Link>}
      >
        Callers get 409 not_published. Publish the draft to open its endpoint.
      </Empty>
    );
  }
  return (
    <div className={style.page}>
      <Note tone="bad">This page cannot be shown: {error.message}</Note>
    </div>
  );
}

/** What the active version's document says, or the draft's where nothing is published. */
function useFacts(workflowId: string, active: string | null, draft: string | undefined): Facts | null {
  const stored = useQuery({
    queryKey: ['version', workflowId, active],
    queryFn: () => getVersion(workflowId, active ?? ''),
    enabled: active !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const document = active === null ? draft : stored.data?.document;
  const facts = useQuery({
    queryKey: ['facts', workflowId, document],
    // The reader of YAML is large, and needed for this alone here.
    queryFn: async () => (await import('./api/facts')).factsOf(document ?? ''),
    enabled: document !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return facts.data ?? null;
}
