import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useSearchParams } from 'wouter';
import { ApiError, api, BASE, body } from '../../api/client';
import { getVersion } from '../../api/workflow';
import { usePageActions } from '../../app/actions';
import { withParams } from '../../app/params';
import { useBlocked } from '../../app/useSession';
import { Skeleton } from '../../ui/Empty';
import { Note } from '../../ui/Note';
import { RunPanel } from './try/RunPanel';
import { curlOf, type Mode, startBody, startUrl } from './try/request';
import style from './try/Try.module.css';
import { TryForm } from './try/TryForm';
import { TryGraph } from './try/TryGraph';
import { type TryForm as TryFormState, useTryForm } from './try/useTryForm';
import { useTryRun } from './try/useTryRun';
import { useDraft, useInterface } from './useInterface';

/** Runs the workflow once, from a form, and shows what it does. */
export default function Try({ workflowId }: { workflowId: string }) {
  const { version, mode, from, choose } = useChoices();
  const { data: face, error } = useInterface(workflowId, version);
  const outline = useOutline(workflowId, version);
  const form = useTryForm(workflowId, face?.inputs ?? []);
  const run = useTryRun(useBlocked()('trace', workflowId) === null);
  const result = useRef<HTMLElement>(null);
  const [selected, setSelected] = useState<string | null>(null);
  useFilledFrom(from, face !== undefined, form.fill);
  useRefused(run.error, form.refuse);
  const request = (input: unknown) => ({
    url: startUrl(BASE, workflowId, version),
    mode,
    body: startBody(input, form.options),
  });
  const start = () => {
    const input = form.read();
    if (input === null) return;
    run.start(request(input));
    // On a phone the result stands below the form.
    result.current?.scrollIntoView({ block: 'start' });
  };
  const blocked = useBlockedRun(workflowId, version);
  usePageActions([
    { id: 'try-run', label: 'Run it', shortcut: 'mod+Enter', run: start, blocked: run.busy ? 'It runs' : blocked },
  ]);
  if (error) return <Unknown error={error} />;
  if (!face) return <Skeleton />;
  return (
    <div className={style.page}>
      <TryForm
        {...{ workflowId, form, version, mode, run, blocked }}
        fields={face.inputs}
        curl={curlOf(request(form.peek()))}
        onChoose={choose}
        onRun={start}
      />
      {outline && <TryGraph outline={outline} progress={run.progress} selected={selected} onSelect={setSelected} />}
      <RunPanel ref={result} run={run} outline={outline?.nodes ?? []} onSelect={setSelected} />
    </div>
  );
}

/** Why the key may not run it. */
function useBlockedRun(workflowId: string, version: string | null): string | null {
  const blocked = useBlocked();
  return blocked('run', workflowId) ?? (version === 'draft' ? blocked('author', workflowId) : null);
}

/** Shows at the fields what the server did not take of the input. */
function useRefused(error: ApiError | null, refuse: TryFormState['refuse']) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each refusal
  useEffect(() => {
    if (error) refuse(error.problem.errors);
  }, [error]);
}

/** What is chosen, in the address. */
function useChoices() {
  const [search, setSearch] = useSearchParams();
  const choose = (choice: { version?: string | null; mode?: Mode; from?: string }) =>
    setSearch((before) => withParams(before, choice), { replace: true });
  const mode = search.get('mode');
  return {
    version: search.get('version'),
    mode: mode === 'wait' || mode === 'async' ? mode : ('stream' as Mode),
    from: search.get('from'),
    choose,
  };
}

/** Fills the form with the input of a run, once for each run. */
function useFilledFrom(from: string | null, ready: boolean, fill: (input: Record<string, unknown>) => void) {
  const run = useQuery({
    queryKey: ['run', from, 'input'],
    queryFn: () => body(api.GET('/v1/runs/{run_id}', { params: { path: { run_id: from ?? '' } } })),
    enabled: from !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const input = run.data?.input;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is typed later is not overwritten
  useEffect(() => {
    if (ready && typeof input === 'object' && input !== null) fill(input as Record<string, unknown>);
  }, [ready, input]);
}

/** The graph of what is run; null while it is not known, or the key may not see it. */
function useOutline(workflowId: string, version: string | null) {
  const draft = useDraft(workflowId);
  const wanted = version ?? draft.data?.active_version ?? null;
  const stored = useQuery({
    queryKey: ['version', workflowId, wanted],
    queryFn: () => getVersion(workflowId, wanted ?? ''),
    enabled: wanted !== null && wanted !== 'draft',
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (wanted === 'draft' ? draft.data?.outline : stored.data?.outline) ?? null;
}

function Unknown({ error }: { error: Error }) {
  const missing = error instanceof ApiError && error.code === 'not_published';
  return (
    <div className={style.unknown}>
      <Note tone={missing ? 'info' : 'bad'}>
        {missing
          ? 'Nothing is published. Choose the draft, or publish it first.'
          : `The form cannot be made: ${error.message}`}
      </Note>
    </div>
  );
}
