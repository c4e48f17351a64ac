import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useId, useState } from 'react';
import { useLocation } from 'wouter';
import { ApiError, api, unlessMissing } from '../../api/client';
import { importFile, keepReports } from '../../api/imports';
import type { ListedWorkflow } from '../../api/workflows';
import { Dialog } from '../../ui/Dialog';
import { DialogFoot } from '../../ui/DialogFoot';
import { Note } from '../../ui/Note';
import { TextField } from '../../ui/TextField';
import { EXAMPLES, FROM_SCRATCH } from './examples';
import { type DroppedFile, FileDrop } from './FileDrop';
import style from './NewWorkflow.module.css';
import { idOf, isOwn, nameIn, withName, wrongId } from './newDocument';
import { StartChoice } from './StartChoice';

/** What a new workflow begins with: an example (null: nothing), or a file, which is asked for or already there. */
export type Start = { example: string | null; file?: boolean } & Partial<DroppedFile>;

type Props = { start: Start; taken: ListedWorkflow[]; onClose: () => void };

/** Makes a draft out of nothing, an example or a file, and opens it in the builder. */
export function NewWorkflow({ start, taken, onClose }: Props) {
  const form = useId();
  const draft = useNewDraft(
    start,
    taken.map((workflow) => workflow.id),
    onClose,
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    draft.submit();
  };
  return (
    <Dialog
      title={start.file ? 'Import a workflow' : 'New workflow'}
      lead="It becomes a draft. Nobody can call it before you publish it."
      wide={!start.file}
      onClose={onClose}
      footer={
        <DialogFoot type="submit" form={form} busy={draft.saving} onClose={onClose}>
          {draft.isForeign ? 'Import' : 'Create draft'}
        </DialogFoot>
      }
    >
      <form id={form} className={style.form} onSubmit={submit}>
        {!draft.isForeign && <Names draft={draft} />}
        <Beginning draft={draft} wantsFile={start.file ?? false} />
        {draft.error && <Note tone="bad">{reasons(draft.error)}</Note>}
      </form>
    </Dialog>
  );
}

function Names({ draft }: { draft: ReturnType<typeof useNewDraft> }) {
  return (
    <div className={style.names}>
      <TextField
        label="Name"
        error={draft.nameError}
        autoFocus
        maxLength={200}
        placeholder="Support reply"
        value={draft.name}
        onChange={draft.setName}
      />
      <TextField
        label="Id"
        error={draft.idError}
        hint={`POST /v1/workflows/${draft.id || '…'}/runs`}
        aside="cannot change"
        mono
        spellCheck={false}
        placeholder="support-reply"
        value={draft.id}
        onChange={draft.setId}
      />
    </div>
  );
}

/** What the draft begins with. */
function Beginning({ draft, wantsFile }: { draft: ReturnType<typeof useNewDraft>; wantsFile: boolean }) {
  if (!draft.file) {
    if (wantsFile) return <FileDrop onFile={draft.takeFile} />;
    return <StartChoice value={draft.example} onChange={draft.setExample} />;
  }
  return (
    <p>
      From the file <code>{draft.file.fileName}</code>
      {draft.isForeign && ', an export of another system. Ids and names stay; a report says what became of each step.'}
    </p>
  );
}

/** The fields of the dialog. The id follows the name until the user gives one. */
function useNewDraft(start: Start, taken: string[], onDone: () => void) {
  const [file, setFile] = useState<DroppedFile | null>(
    start.document === undefined ? null : { document: start.document, fileName: start.fileName ?? '' },
  );
  const [example, setExample] = useState(start.example);
  const chosen = EXAMPLES.find((one) => one.id === example);
  const [ownName, setName] = useState<string | null>(null);
  const [ownId, setId] = useState<string | null>(null);
  const [tried, setTried] = useState(false);
  const proposed = file ? (nameIn(file.document) ?? file.fileName.replace(/\.\w+$/, '')) : (chosen?.name ?? '');
  const name = ownName ?? proposed;
  const id = ownId ?? idOf(name);
  const document = file?.document ?? chosen?.document ?? FROM_SCRATCH;
  const isForeign = file !== null && !isOwn(file.document);
  const save = useSave(onDone);
  const imported = useImport(onDone);
  const nameError = name.trim() ? null : 'Give it a name.';
  const idError = wrongId(id, taken);
  const missing = start.file && !file ? new Error('Choose a file first.') : null;
  return {
    name,
    setName,
    id,
    setId,
    example,
    setExample,
    file,
    isForeign,
    takeFile: setFile,
    nameError: tried ? nameError : null,
    idError: tried || ownId !== null || taken.includes(id) ? idError : null,
    error: save.error ?? imported.error ?? (tried ? missing : null),
    saving: save.isPending || imported.isPending,
    submit: () => {
      setTried(true);
      if (isForeign) return imported.mutate(file);
      if (!nameError && !idError && !missing) save.mutate({ id, document: withName(document, name.trim()) });
    },
  };
}

function useSave(onDone: () => void) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  return useMutation({
    mutationFn: async ({ id, document }: { id: string; document: string }) => {
      const params = { path: { workflow_id: id } };
      // A PUT would replace the draft of a workflow that exists, also one that is not in the list.
      const known = await unlessMissing(api.GET('/v1/workflows/{workflow_id}', { params }));
      if (known) throw new Error(`A workflow with the id ${id} exists. Choose another id.`);
      await api.PUT('/v1/workflows/{workflow_id}', {
        params,
        body: document as never,
        bodySerializer: (text: unknown) => text as string,
        headers: { 'Content-Type': document.trimStart().startsWith('{') ? 'application/json' : 'application/yaml' },
      });
      return id;
    },
    onSuccess: (id) => {
      queries.invalidateQueries({ queryKey: ['workflows'] });
      onDone();
      navigate(`/workflows/${id}`);
    },
  });
}

/** Imports a file of another system, and opens its first workflow beside the report. */
function useImport(onDone: () => void) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  return useMutation({
    mutationFn: async ({ document, fileName }: DroppedFile) => {
      const imported = await importFile(document, fileName.replace(/\.\w+$/, ''));
      keepReports(imported, fileName);
      return imported.workflows[0]?.id;
    },
    onSuccess: (id) => {
      queries.invalidateQueries({ queryKey: ['workflows'] });
      onDone();
      if (id !== undefined) navigate(`/workflows/${id}?panel=import`);
    },
  });
}

/** Every reason why a file cannot be read, where the server names them. */
function reasons(error: Error): ReactNode {
  const problems = error instanceof ApiError ? (error.problem.problems ?? []) : [];
  if (!problems.length) return error.message;
  return (
    <ul>
      {problems.map(({ path, message }) => (
        <li key={`${path} ${message}`}>{path ? `${path}: ${message}` : message}</li>
      ))}
    </ul>
  );
}
