import { useQuery } from '@tanstack/react-query';
import type { Schemas } from '../../../api/client';
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
  const [wantedMode, setMode] = useParam('mode', 'wait');
  const mode = MODES.find(({ value }) => value === wantedMode)?.value ?? 'wait';
  const { data, error } = useQuery({
    queryKey: ['snippets', face.workflow_id, face.version],
    queryFn: () => getSnippets(face.workflow_id),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (error) return <Note tone="warn">There are no examples: {error.message}</Note>;
  if (!data) return <Skeleton />;
  return (
    <>
      <Examples of={data.filter((snippet) => snippet.mode === mode)} mode={mode} onMode={setMode} />
      <Answer face={face} mode={mode} />
    </>
  );
}

type ExamplesProps = { of: Schemas['Snippet'][]; mode: SnippetMode; onMode: (mode: SnippetMode) => void };

function Examples({ of, mode, onMode }: ExamplesProps) {
  const [wanted, setLang] = useParam('lang', 'curl');
  const lang = LANGS.find(({ id }) => id === wanted)?.id ?? 'curl';
  const shown = of.find((snippet) => snippet.lang === lang);
  return (
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
          <Segment label="Mode" options={MODES} value={mode} onChange={onMode} />
          {shown?.install && <code title="Install first">{shown.install}</code>}
        </div>
        {shown ? (
          <CodeBlock bare code={shown.code} label={shown.file} language={lang === 'curl' ? 'shell' : lang} />
        ) : (
          <p className={style.faint}>There is no example for this.</p>
        )}
      </TabPanel>
    </section>
  );
}

function Answer({ face, mode }: { face: WorkflowInterface; mode: SnippetMode }) {
  const { status, type, text } = exampleAnswer(face, mode);
  return (
    <section className={style.card} aria-label="Answer">
      <header className={style.answer}>
        <h2 className={style.title}>{mode === 'webhook' ? 'Delivery' : 'Answer'}</h2>
        {status && <Chip>{status}</Chip>}
        <code>{type}</code>
      </header>
      <CodeBlock code={text} label="answer" language={type === 'application/json' ? 'json' : 'events'} />
    </section>
  );
}
