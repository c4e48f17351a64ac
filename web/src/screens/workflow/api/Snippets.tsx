import { useQuery } from '@tanstack/react-query';
import { getSnippets, type SnippetLang, type SnippetMode, type WorkflowInterface } from '../../../api/workflow';
import { useParam } from '../../../app/useParam';
import { Chip } from '../../../ui/Chip';
import { CodeBlock, CopyButton } from '../../../ui/CodeBlock';
import { Skeleton } from '../../../ui/Empty';
import { Note } from '../../../ui/Note';
import { Segment } from '../../../ui/Segment';
import { TabPanel, Tabs } from '../../../ui/Tabs';
import style from './Api.module.css';
import { exampleAnswer } from './answer';

const LANGS: { id: SnippetLang; label: string }[] = [
  { id: 'curl', label: 'curl' },
  { id: 'python', label: 'Python' },
  { id: 'typescript', label: 'TypeScript' },
  { id: 'go', label: 'Go' },
  { id: 'rust', label: 'Rust' },
];

const MODES: { value: SnippetMode; label: string }[] = [
  { value: 'wait', label: 'Wait' },
  { value: 'stream', label: 'Stream' },
  { value: 'async', label: 'Async' },
  { value: 'webhook', label: 'Webhook' },
];

/** Programs that call the workflow, as the server writes them, and what they get. */
export function Snippets({ face }: { face: WorkflowInterface }) {
  const [wantedLang, setLang] = useParam('lang', 'curl');
  const [wantedMode, setMode] = useParam('mode', 'wait');
  const lang = LANGS.find(({ id }) => id === wantedLang)?.id ?? 'curl';
  const mode = MODES.find(({ value }) => value === wantedMode)?.value ?? 'wait';
  const { data, error, isPending } = useQuery({
    queryKey: ['snippets', face.workflow_id, face.version],
    queryFn: () => getSnippets(face.workflow_id),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const shown = data?.find((snippet) => snippet.lang === lang && snippet.mode === mode);
  if (isPending) return <Skeleton />;
  if (error) return <Note tone="warn">There are no examples: {error.message}</Note>;
  const answer = exampleAnswer(face, mode);
  return (
    <>
      <section className={style.card} aria-label="Examples">
        <Tabs
          label="Language"
          tabs={LANGS}
          selected={lang}
          onSelect={setLang}
          aside={shown && <CopyButton text={shown.code} />}
        />
        <TabPanel id={lang} className={style.snippet}>
          <div className={style.modes}>
            <Segment label="Mode" options={MODES} value={mode} onChange={setMode} />
            {shown?.install && <code title="Install first">{shown.install}</code>}
          </div>
          {shown ? (
            <CodeBlock bare code={shown.code} label={shown.file} language={lang === 'curl' ? 'shell' : lang} />
          ) : (
            <p className={style.faint}>There is no example for this.</p>
          )}
        </TabPanel>
      </section>
      <section className={style.card} aria-label="Answer">
        <header className={style.answer}>
          <h2 className={style.title}>{mode === 'webhook' ? 'Delivery' : 'Answer'}</h2>
          {answer.status && <Chip>{answer.status}</Chip>}
          <code>{answer.type}</code>
        </header>
        <CodeBlock
          code={answer.text}
          label="answer"
          language={answer.type === 'application/json' ? 'json' : 'events'}
        />
      </section>
    </>
  );
}
